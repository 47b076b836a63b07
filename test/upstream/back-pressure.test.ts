import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { clientFor, gatewayFor, OK, scenario, upstreamFor } from '../support/forwarding-scenario.ts';

const MEGABYTE = 1024 * 1024;
const TOTAL = 96 * MEGABYTE;
/** What two pairs of kernel buffers on loopback may hold, and far less than all. */
const BOUND = 40 * MEGABYTE;

/** Writes as fast as the other side reads. */
async function pump(socket: Socket, total: number): Promise<void> {
  const chunk = Buffer.alloc(MEGABYTE, 'x');
  for (let written = 0; written < total; written += chunk.length) {
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
}

/** Bytes that left the process, once they no longer grow. */
async function settled(socket: Socket): Promise<number> {
  const sent = () => socket.bytesWritten - socket.writableLength;
  for (;;) {
    const before = sent();
    await wait(250);
    if (before > 0 && sent() === before) return before;
  }
}

test('a client that does not read makes the upstream wait, and then gets everything', async () => {
  const { gateway, upstream } = await scenario((socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`);
    void pump(socket, TOTAL);
  });
  const client = await clientFor(gateway);
  client.socket.pause();
  const before = process.memoryUsage().external;
  client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  await upstream.until(() => upstream.requests.length === 1);
  const sender = upstream.connections[0]?.socket;
  if (sender === undefined) throw new Error('no connection');
  expect(await settled(sender)).toBeLessThan(BOUND);
  expect(process.memoryUsage().external - before).toBeLessThan(BOUND);

  let length = 0;
  client.socket.removeAllListeners('data');
  client.socket.on('data', (bytes) => {
    length += bytes.length;
  });
  client.socket.resume();
  await client.closed();
  expect(length).toBeGreaterThan(TOTAL);
  expect(await gateway.outcome(0)).toMatchObject({ kind: 'answered', status: 200 });
});

test('an upstream that does not read makes the client wait', async () => {
  const { gateway } = await scenario(OK, { raw: { isDeaf: true }, bodyLimit: TOTAL });
  const client = await clientFor(gateway);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${TOTAL}\r\n\r\n`);
  const pumping = pump(client.socket, TOTAL);
  pumping.catch(() => {});
  expect(await settled(client.socket)).toBeLessThan(BOUND);
});

test('a client that stays away from its answer for longer than the idle time loses it', async () => {
  const { gateway, upstream } = await scenario(
    (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${TOTAL}\r\n\r\n`);
      void pump(socket, TOTAL).catch(() => {});
    },
    { timeouts: { headers: 5000, idle: 300 } },
  );
  const client = await clientFor(gateway);
  client.socket.pause();
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  expect(await gateway.outcome(0)).toMatchObject({ kind: 'truncated', reason: 'the client stopped reading' });
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
});

test('a slow target of one tenant holds up no tenant that has targets of its own', async () => {
  const [slow, fast] = [await upstreamFor(() => {}), await upstreamFor(OK)];
  const gateway = await gatewayFor({
    upstream: { targets: [slow.origin], connections: 1 },
    tenants: { acme: { upstreams: { api: [fast.origin] } } },
  });
  for (const path of ['/never', '/queued']) {
    const client = await clientFor(gateway);
    client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }
  await slow.request(0);
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\nX-Test-Tenant: acme\r\n\r\n');
  await client.until((text) => text.endsWith('ok'));
  expect([slow.requests.length, fast.requests.length]).toEqual([1, 1]);
});
