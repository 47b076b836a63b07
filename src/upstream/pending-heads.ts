export interface PendingHead {
  /** The chunk that the head came in is parsed: sends the head if nothing was written with it. */
  flushHead(): void;
}

/**
 * node:http keeps a head back until the first byte of the body, so that both leave in one write. Where no byte came
 * with the head (an event stream, a slow answer), it has to leave alone: once the current chunk of the upstream's
 * connection is parsed, which is when microtasks run.
 */
let pending: PendingHead[] = [];

export function flushHeadSoon(head: PendingHead): void {
  pending.push(head);
  if (pending.length === 1) queueMicrotask(flushPending);
}

function flushPending(): void {
  const heads = pending;
  pending = [];
  for (const head of heads) head.flushHead();
}
