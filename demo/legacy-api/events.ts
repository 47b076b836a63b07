/** Server-sent events: one at once, then one every 500 ms, until `?count=N` is reached or the client leaves. */

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { refuse } from './answer.ts';
import { type Call, type Route, wholeNumber } from './route.ts';
import type { Tenant } from './tenants.ts';

const INTERVAL_MS = 500;
const ENDLESS = 1_000_000;

async function* ticks(tenantId: string, count: number, signal: AbortSignal): AsyncGenerator<string> {
  for (let n = 1; n <= count; n += 1) {
    if (n > 1) await delay(INTERVAL_MS, undefined, { signal });
    yield `id: ${n}\nevent: tick\ndata: {"n":${n},"tenant":"${tenantId}"}\n\n`;
  }
}

async function streamEvents(call: Call, tenant: Tenant): Promise<void> {
  const { request, response, query } = call;
  const count = wholeNumber(query, 'count', ENDLESS, ENDLESS);
  if (count === undefined) return refuse(response, 400, 4001, 'count must be a whole number');
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const left = new AbortController();
  response.once('close', () => left.abort());
  await pipeline(Readable.from(ticks(tenant.id, count, left.signal)), response);
}

export const EVENT_ROUTES: readonly Route[] = [
  { kind: 'tenant', path: /^\/api\/events$/, handlers: { GET: streamEvents } },
];
