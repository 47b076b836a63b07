import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createLog } from '../../src/telemetry/log.ts';
import { createOpsListener } from '../../src/telemetry/ops-listener.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';
import { createReadiness, type Readiness } from '../../src/telemetry/readiness.ts';

let close: (() => Promise<void>) | undefined;
afterEach(async () => {
  await close?.();
  close = undefined;
});

interface Ops {
  readonly readiness: Readiness;
  readonly get: (
    target: string,
    method?: string,
  ) => Promise<{ readonly status: number; readonly text: string; readonly type: string | null }>;
}

async function start(checkMilliseconds?: number): Promise<Ops> {
  const readiness = createReadiness(checkMilliseconds);
  const app = createOpsListener({
    metrics: createMetrics(),
    readiness,
    log: createLog({ level: 'silent' }).log,
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  close = () => app.close();
  const { port } = app.server.address() as AddressInfo;
  return {
    readiness,
    async get(target, method = 'GET') {
      const response = await fetch(`http://127.0.0.1:${port}${target}`, { method });
      return {
        status: response.status,
        text: await response.text(),
        type: response.headers.get('content-type'),
      };
    },
  };
}

test('metrics are served as Prometheus text', async () => {
  const { get } = await start();
  const { status, text, type } = await get('/metrics');
  expect({ status, type }).toEqual({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
  expect(text).toContain('# TYPE http_server_request_duration_seconds histogram');
  expect(text).toContain('process_cpu_seconds_total');
});

test('it is alive and ready when every required check passes', async () => {
  const { get, readiness } = await start();
  readiness.add({ name: 'store', effect: 'required', check: () => ({ isOk: true }) });
  expect(await get('/livez')).toMatchObject({ status: 200, text: 'ok\n' });
  expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok\n' });
  expect(await get('/readyz', 'HEAD')).toMatchObject({ status: 200, text: '' });
});

test('each check is a line in verbose, and one that only informs keeps nobody out', async () => {
  const { get, readiness } = await start();
  readiness.add({ name: 'store', effect: 'required', check: async () => ({ isOk: true, detail: '3 ms' }) });
  readiness.add({
    name: 'config',
    effect: 'informational',
    check: () => ({ isOk: false, detail: 'line 1\nline 2' }),
  });
  expect(await get('/readyz?verbose')).toMatchObject({
    status: 200,
    text: '[+]shutdown ok\n[+]store ok: 3 ms\n[-]config failed, traffic is served all the same: line 1 line 2\nok\n',
  });
});

test('a required check that fails, throws or hangs is 503, and the answer names it', async () => {
  const { get, readiness } = await start(50);
  readiness.add({ name: 'denies', effect: 'required', check: () => ({ isOk: false }) });
  readiness.add({
    name: 'throws',
    effect: 'required',
    check: () => {
      throw new Error('the store is closed');
    },
  });
  readiness.add({ name: 'hangs', effect: 'required', check: () => new Promise(() => {}) });
  expect(await get('/readyz')).toMatchObject({ status: 503, text: 'not ready: denies, throws, hangs\n' });
  expect((await get('/readyz?verbose')).text).toContain(
    '[-]throws failed: the store is closed\n[-]hangs failed: no answer in time\n',
  );
  expect(await get('/livez')).toMatchObject({ status: 200 });
});

test('while it drains it is alive but not ready, whatever the checks say', async () => {
  const { get, readiness } = await start();
  readiness.add({ name: 'store', effect: 'required', check: () => ({ isOk: true }) });
  readiness.drain();
  expect(await get('/readyz')).toMatchObject({ status: 503, text: 'not ready: shutdown\n' });
  expect((await get('/readyz?verbose')).text).toContain('[-]shutdown failed: shutting down\n[+]store ok\n');
  expect(await get('/livez')).toMatchObject({ status: 200 });
});

test('nothing else is there', async () => {
  const { get } = await start();
  expect(await get('/v1/keys?x=s3cr3t')).toMatchObject({ status: 404, text: 'not found\n' });
  expect(await get('/metrics', 'POST')).toMatchObject({ status: 404 });
});
