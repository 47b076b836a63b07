import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { type ConfigObject, startTestGateway } from '../support/gateway.ts';
import { connectRaw } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';
import { webSocketConfig, webSocketScene } from '../support/web-socket-scene.ts';
import { codeOf, wire } from '../support/wire.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** An upstream whose answers to `/api/wait` come when the test lets them go. */
async function waitingScene(concurrency: ConfigObject) {
  const waiting: Socket[] = [];
  const upstream = await startRawUpstream((socket, { startLine }) => {
    if (startLine.includes('/api/wait')) waiting.push(socket);
    else socket.write(OK);
  });
  const gateway = await startTestGateway({
    limits: { concurrency },
    tenants: { acme: {}, globex: {} },
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api' }],
  });
  onTestFinished(async () => {
    await gateway.stop();
    await upstream.close();
  });
  const keyOf = async (tenant: string) => (await gateway.issueKey(tenant)).key;
  return {
    gateway,
    waiting,
    keyOf,
    ask: (key: string, path = '/api/x') => gateway.raw(wire(`GET ${path}`, [`X-API-Key: ${key}`])),
    letGo: () => {
      for (const socket of waiting.splice(0)) socket.write(OK);
    },
  };
}

it('a tenant whose upstream is slow has its share of open requests, and no other tenant waits for it', async () => {
  const { gateway, waiting, keyOf, ask, letGo } = await waitingScene({ perTenant: 2 });
  const [acme, other, globex] = [await keyOf('acme'), await keyOf('acme'), await keyOf('globex')];
  const slow = [ask(acme, '/api/wait'), ask(other, '/api/wait')];
  await eventually(() => waiting.length === 2, 'both at the upstream');

  const refused = await ask(acme);
  expect(refused.status).toBe(429);
  expect(codeOf(refused)).toBe('concurrency_limited');
  expect(refused.field('retry-after')).toBe('1');
  expect(await gateway.auditOf(refused)).toMatchObject({
    code: 'concurrency_limited',
    tenant: 'acme',
    reason: 'acme has 2 requests open',
  });
  expect((await ask(globex)).status).toBe(200);

  letGo();
  expect((await Promise.all(slow)).map(({ status }) => status)).toEqual([200, 200]);
  expect((await ask(acme)).status).toBe(200);
});

it('a principal has its share, and the others of its tenant have theirs', async () => {
  const { waiting, keyOf, ask, letGo } = await waitingScene({ perPrincipal: 1 });
  const [acme, other] = [await keyOf('acme'), await keyOf('acme')];
  const slow = ask(acme, '/api/wait');
  await eventually(() => waiting.length === 1, 'the slow one at the upstream');
  expect((await ask(acme)).status).toBe(429);
  expect((await ask(other)).status).toBe(200);
  letGo();
  await slow;
  expect((await ask(acme)).status).toBe(200);
});

it('who leaves gives back what its request held', async () => {
  const { gateway, waiting, keyOf, ask } = await waitingScene({ perTenant: 1, perPrincipal: 1 });
  const key = await keyOf('acme');
  for (let round = 0; round < 3; round += 1) {
    const client = await connectRaw(gateway.port);
    client.send(wire('GET /api/wait', [`X-API-Key: ${key}`]));
    await eventually(() => waiting.length === round + 1, 'at the upstream');
    client.close();
    await eventually(async () => (await ask(key)).status === 200, 'its place is free again');
  }
});

it('a WebSocket holds its place until it is closed', async () => {
  const { open, upstream } = await webSocketScene({
    config: (origin) => webSocketConfig(origin, { limits: { concurrency: { perTenant: 1 } } }),
  });
  const socket = await open();
  await expect(open()).rejects.toThrow(/429/);
  socket.close();
  await once(socket, 'close');
  await eventually(() => upstream.closings.length === 1, 'the close at the upstream');
  (await open()).close();
});
