import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Problem } from '../http/problem.ts';

/** A refused request's body up to this size is read to its end, so that the connection can be used again. */
const DRAINED_BYTES = 64 * 1024;
/** Of a larger or endless one, so much is read while the client takes the answer in, then the connection is closed. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MILLISECONDS = 1_000;

export interface Refusal {
  readonly problem: Problem;
  readonly decisionId: string;
  /** Further fields: name, value, name, value … */
  readonly fields: readonly string[];
  /** The message could not be read to its end in one way: nothing that follows on the connection can be trusted. */
  readonly closes: boolean;
  /** The client waits for 100 Continue before it sends the body. */
  readonly bodyIsHeld: boolean;
  /** Declared length of the body; `undefined`: chunked. */
  readonly bodyLength: number | undefined;
}

/** Answers a request that is not forwarded, without letting the rest of its body be taken for another request. */
export function sendRefusal(received: IncomingMessage, response: ServerResponse, refusal: Refusal): void {
  if (response.destroyed || response.headersSent) {
    received.socket.destroy();
    return;
  }
  const { problem } = refusal;
  const isPending = !received.complete && refusal.bodyLength !== 0;
  const isDrainable =
    refusal.bodyLength !== undefined && refusal.bodyLength <= DRAINED_BYTES && !refusal.bodyIsHeld;
  const closes = refusal.closes || (isPending && !isDrainable);
  const length = Buffer.byteLength(problem.body);
  const fields = [
    'Content-Type',
    problem.contentType,
    'Content-Length',
    String(length),
    'Cache-Control',
    'no-store',
    'Gatehouse-Decision-Id',
    refusal.decisionId,
    ...refusal.fields,
  ];
  if (closes) fields.push('Connection', 'close');
  response.writeHead(problem.status, fields);
  const isHead = received.method === 'HEAD';
  if (!closes || !isPending || refusal.bodyIsHeld || isHead) {
    response.end(isHead ? undefined : problem.body);
    return;
  }
  response.write(problem.body);
  linger(received, () => response.end());
}

/**
 * Closing at once would reset the connection under a client that is still sending, and the reset can overtake the
 * answer. So the body is read a little longer and thrown away.
 */
function linger(received: IncomingMessage, close: () => void): void {
  let bytes = 0;
  let isDone = false;
  const timer = setTimeout(finish, LINGER_MILLISECONDS);
  function finish(): void {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    close();
  }
  received.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) finish();
  });
  received.once('end', finish);
  received.once('close', finish);
  received.once('error', finish);
  received.resume();
}
