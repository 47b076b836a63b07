/** The last requests that reached the API, with their fields as they were on the wire. */
import type { IncomingMessage } from 'node:http';
import { answerJson, refuse } from './answer.ts';
import type { Call, Route } from './route.ts';

const KEPT_REQUESTS = 100;

export interface ReceivedRequest {
  readonly method: string;
  /** The request target, byte for byte as in the request line. */
  readonly target: string;
  /** Names in their received case, in order, doubles included. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

export interface ReceivedLog {
  readonly record: (request: IncomingMessage) => void;
  /** Oldest first, at most 100. */
  readonly all: () => readonly ReceivedRequest[];
  readonly routes: readonly Route[];
}

export function receivedOf(request: IncomingMessage): ReceivedRequest {
  const raw = request.rawHeaders;
  const fields = raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name, raw[index + 1] ?? ''] as const] : [],
  );
  return { method: request.method ?? '', target: request.url ?? '', fields };
}

export function createReceivedLog(onReceived?: (request: ReceivedRequest) => void): ReceivedLog {
  const log: ReceivedRequest[] = [];

  function record(request: IncomingMessage): void {
    if (request.url?.startsWith('/_received') === true) return;
    const received = receivedOf(request);
    log.push(received);
    if (log.length > KEPT_REQUESTS) log.shift();
    onReceived?.(received);
  }

  /** Health probes arrive all the time and would hide the request that somebody wants to see. */
  function showLast(call: Call): void {
    const last = log.findLast((request) => request.target !== '/health');
    if (last === undefined) refuse(call.response, 404, 4040, 'Nothing received yet');
    else answerJson(call.response, 200, JSON.stringify(last, undefined, 2));
  }

  return {
    record,
    all: () => [...log],
    routes: [{ kind: 'public', path: /^\/_received\/last$/, handlers: { GET: showLast } }],
  };
}
