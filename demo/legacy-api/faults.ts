/** Endpoints that misbehave as grown systems do: one slow, one failing with a page of HTML. */
import { setTimeout as delay } from 'node:timers/promises';
import { answer, answerJson, refuse } from './answer.ts';
import { type Call, type Route, wholeNumber } from './route.ts';

const MAX_WAIT_MS = 120_000;

/** Waits `?ms=` (1000 by default) before the first byte of the answer. A client that leaves ends the wait. */
async function answerSlowly(call: Call): Promise<void> {
  const ms = wholeNumber(call.query, 'ms', 1000, MAX_WAIT_MS);
  if (ms === undefined)
    return refuse(call.response, 400, 4001, `ms must be a whole number up to ${MAX_WAIT_MS}`);
  const left = new AbortController();
  call.response.once('close', () => left.abort());
  await delay(ms, undefined, { signal: left.signal });
  answerJson(call.response, 200, JSON.stringify({ waitedMs: ms }));
}

function fail(call: Call): void {
  const page =
    '<!DOCTYPE html>\r\n<html><head><title>Server Error in &#39;/&#39; Application.</title></head>\r\n' +
    '<body><h1>Object reference not set to an instance of an object.</h1></body></html>\r\n';
  answer(call.response, 500, 'text/html; charset=utf-8', page);
}

export const FAULT_ROUTES: readonly Route[] = [
  { kind: 'tenant', path: /^\/api\/slow$/, handlers: { GET: answerSlowly } },
  { kind: 'tenant', path: /^\/api\/fail$/, handlers: { GET: fail, POST: fail } },
];
