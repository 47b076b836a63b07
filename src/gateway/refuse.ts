import type { Denial } from '../authorization/denial.ts';
import { challengesFor } from '../http/challenge.ts';
import type { Problem } from '../http/problem.ts';
import type { Route } from '../routing/route.ts';
import type { ClientResponse, ReceivedMessage } from '../upstream/client-side.ts';
import { limitDraining, lingerBeforeClose } from '../upstream/lingering-close.ts';
import { hangUp } from '../upstream/truncation.ts';

/** A refused request's body up to this size is read to its end, so that the connection can be used again. */
const DRAINED_BYTES = 64 * 1024;

/** Name, value, name, value … of what a refusal tells a client beside the problem. */
export function refusalFields(refusal: Denial, accepts: Route['accepts'] | undefined): string[] {
  const fields: string[] = [];
  if (accepts !== undefined) {
    for (const challenge of challengesFor(refusal.code, accepts, refusal.scopes))
      fields.push('WWW-Authenticate', challenge);
  }
  if (refusal.allow !== undefined) fields.push('Allow', refusal.allow.join(', '));
  if (refusal.retryAfterSeconds !== undefined)
    fields.push('Retry-After', String(Math.max(1, Math.ceil(refusal.retryAfterSeconds))));
  if (refusal.rateLimit !== undefined) fields.push(...refusal.rateLimit);
  // RFC 9110 §15.5.22, RFC 6455 §4.4.
  if (refusal.code === 'websocket_version_unsupported')
    fields.push('Upgrade', 'websocket', 'Sec-WebSocket-Version', '13');
  return fields;
}

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
export function sendRefusal(received: ReceivedMessage, response: ClientResponse, refusal: Refusal): void {
  if (response.destroyed || response.headersSent) {
    hangUp(received, response);
    return;
  }
  const { problem } = refusal;
  const isPending = !received.complete && refusal.bodyLength !== 0;
  // Once somebody has begun to read it, nobody drains the rest.
  const isDrainable =
    !received.readableDidRead &&
    refusal.bodyLength !== undefined &&
    refusal.bodyLength <= DRAINED_BYTES &&
    !refusal.bodyIsHeld;
  const closes = refusal.closes || (isPending && !isDrainable);
  const length = Buffer.byteLength(problem.body);
  const fields = [
    'Content-Type',
    problem.contentType,
    'Content-Length',
    String(length),
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    'Gatehouse-Decision-Id',
    refusal.decisionId,
    ...refusal.fields,
  ];
  if (closes) {
    fields.push('Connection', fields.includes('Upgrade') ? 'close, Upgrade' : 'close');
    response.shouldKeepAlive = false;
  }
  response.writeHead(problem.status, fields);
  if (isPending && !closes) limitDraining(received);
  else if (isPending && !refusal.bodyIsHeld) lingerBeforeClose(received);
  response.end(received.method === 'HEAD' ? undefined : problem.body);
}

/** Answers a request whose body was read to its end, or that has none. */
export function sendAnswer(
  received: ReceivedMessage,
  response: ClientResponse,
  answer: {
    readonly status: number;
    /** Name, value, name, value … without framing. */
    readonly fields: readonly string[];
    readonly body: string | Buffer;
    /** Undefined: the client is told none. */
    readonly decisionId: string | undefined;
  },
): void {
  if (response.destroyed || response.headersSent) {
    hangUp(received, response);
    return;
  }
  const { status, body, decisionId } = answer;
  const fields = [...answer.fields];
  if (decisionId !== undefined) fields.push('Gatehouse-Decision-Id', decisionId);
  // RFC 9110 §8.6: none with 204.
  if (status !== 204) fields.push('Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(status, fields);
  response.end(received.method === 'HEAD' || status === 204 ? undefined : body);
}
