import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { startLegacyApi } from '../../../demo/legacy-api/server.ts';
import { ACME, useLegacyApi } from './running-api.ts';

const api = useLegacyApi();

test.each(['/api/orders', '/api/download?mb=1', '/api/report.txt', '/status'])(
  'HEAD %s has the fields of GET and no body',
  async (path) => {
    const get = await api.call(path, { headers: ACME });
    await get.arrayBuffer();
    const head = await api.call(path, { method: 'HEAD', headers: ACME });
    expect(head.status).toBe(200);
    for (const name of ['content-length', 'content-type']) {
      expect(head.headers.get(name)).toBe(get.headers.get(name));
    }
    expect(await head.text()).toBe('');
  },
);

test('another method is 405 and told which ones there are', async () => {
  const response = await api.call('/api/orders', { method: 'DELETE', headers: ACME });
  expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, POST, HEAD']);
});

test('the slow endpoint waits, the failing one answers HTML', async () => {
  const began = performance.now();
  expect(await api.textOf('/api/slow?ms=120', ACME)).toBe('{"waitedMs":120}');
  expect(performance.now() - began).toBeGreaterThan(110);
  const failed = await api.call('/api/fail', { headers: ACME });
  expect([failed.status, failed.headers.get('content-type')]).toEqual([500, 'text/html; charset=utf-8']);
});

test.each([
  ['another protocol', '/status', 'h2c'],
  ['a WebSocket elsewhere', '/api/orders', 'websocket'],
])('an Upgrade field that asks for %s is ignored', async (_name, path, protocol) => {
  const answer = await api.rawExchange(
    `GET ${path} HTTP/1.1\r\nHost: a\r\nX-Api-Key: acme-legacy-4711\r\nConnection: Upgrade, close\r\n` +
      `Upgrade: ${protocol}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});

test.each([
  ['noise', '\u0000\u0001\u0002 not http\r\n\r\n'],
  ['an impossible length', 'POST /api/upload HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n'],
  ['a broken escape', 'GET /api/orders/%zz?%=%&mb HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'],
  [
    'a WebSocket handshake without a key of its own',
    'GET /api/ws HTTP/1.1\r\nHost: a\r\nX-Api-Key: acme-legacy-4711\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  ],
])('%s is answered 4xx and the API lives on', async (_name, bytes) => {
  expect(await api.rawExchange(bytes)).toMatch(/^HTTP\/1\.1 4\d\d /);
  expect(await api.textOf('/status')).toBe('ok');
});

test('a client that leaves in the middle harms nobody', async () => {
  const heads = [
    'POST /api/upload HTTP/1.1\r\nHost: a\r\nX-Api-Key: acme-legacy-4711\r\nContent-Length: 99\r\n\r\nhalf',
    'GET /api/download?mb=64 HTTP/1.1\r\nHost: a\r\nX-Api-Key: acme-legacy-4711\r\n\r\n',
    'GET /api/events HTTP/1.1\r\nHost: a\r\nX-Api-Key: acme-legacy-4711\r\n\r\n',
    'GET /api/slow?ms=60000 HTTP/1.1\r\nHost: a\r\nX-Api-Key: acme-legacy-4711\r\n\r\n',
  ];
  for (const head of heads) {
    const socket = connect(api.port(), '127.0.0.1');
    const target = head.split(' ')[1];
    socket.write(head);
    await expect.poll(() => api.received().at(-1)?.target).toBe(target);
    socket.resetAndDestroy();
  }
  expect(await api.textOf('/status')).toBe('ok');
});
test('closing ends open streams and sockets at once', async () => {
  const own = await startLegacyApi({ port: 0 });
  const events = await fetch(`${own.url}/api/events`, { headers: ACME });
  const socket = new WebSocket(`${own.url.replace('http', 'ws')}/api/ws`, { headers: ACME });
  await once(socket, 'open');
  const closed = once(socket, 'close');
  await own.close();
  await closed;
  await expect(events.text()).rejects.toThrow();
});
