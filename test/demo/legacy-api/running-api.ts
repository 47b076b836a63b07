/** A legacy API of its own for each test file, and the ways to talk to it. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll } from 'vitest';
import type { ReceivedRequest } from '../../../demo/legacy-api/received.ts';
import { type LegacyApi, startLegacyApi } from '../../../demo/legacy-api/server.ts';

export const ACME = { 'X-Api-Key': 'acme-legacy-4711' };
export const GLOBEX = { 'X-Api-Key': 'globex-legacy-0815' };

interface RunningApi {
  readonly url: () => string;
  readonly port: () => number;
  readonly received: () => readonly ReceivedRequest[];
  readonly call: (path: string, init?: RequestInit) => Promise<Response>;
  readonly textOf: (path: string, headers?: Record<string, string>) => Promise<string>;
  /** Sends these bytes and returns all that comes back until the server closes. */
  readonly rawExchange: (bytes: string) => Promise<string>;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export function useLegacyApi(): RunningApi {
  let running: LegacyApi | undefined;
  beforeAll(async () => {
    running = await startLegacyApi({ port: 0 });
  });
  afterAll(() => running?.close());

  function api(): LegacyApi {
    if (running === undefined) throw new Error('The API runs only while tests do');
    return running;
  }

  async function rawExchange(bytes: string): Promise<string> {
    const socket = connect(api().port, '127.0.0.1');
    socket.write(bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks).toString('latin1');
  }

  return {
    url: () => api().url,
    port: () => api().port,
    received: () => api().received(),
    call: (path, init = {}) => fetch(api().url + path, init),
    textOf: async (path, headers = {}) => (await fetch(api().url + path, { headers })).text(),
    rawExchange,
  };
}
