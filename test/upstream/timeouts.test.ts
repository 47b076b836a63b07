import { expect, test } from 'vitest';
import { answerOf, clientFor, OK, scenario } from '../support/forwarding-scenario.ts';

test('an upstream that gives no head in time is 504, and the request is aborted', async () => {
  const { ask, gateway, upstream } = await scenario(() => {}, { timeouts: { headers: 100, idle: 0 } });
  const answer = await ask('GET /');
  expect(answer.status).toBe(504);
  expect(answer.body.toString()).toBe('upstream_timeout');
  expect(gateway.outcomes).toMatchObject([{ kind: 'failed', code: 'upstream_timeout' }]);
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
});

test('the time for the head begins when the request is sent, not before', async () => {
  const { gateway, upstream } = await scenario(OK, { timeouts: { headers: 600, idle: 0 } });
  const client = await clientFor(gateway);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n');
  await upstream.until(() => upstream.requests.length === 1);
  for (let chunk = 0; chunk < 10; chunk += 1) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    client.send('1\r\na\r\n');
  }
  client.send('0\r\n\r\n');
  await client.until((text) => text.endsWith('ok'));
});

test('an upstream that pauses too long within its answer is cut off, and so is the client', async () => {
  const { ask, gateway, upstream } = await scenario(answerOf('200 OK', ['Content-Length: 9'], 'begin'), {
    timeouts: { headers: 5000, idle: 100 },
  });
  const answer = await ask('GET /');
  expect(answer.raw.toString()).toBe('begin');
  expect(gateway.outcomes).toMatchObject([{ kind: 'truncated', status: 200 }]);
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
});

test('an idle time of 0 lets a stream pause for as long as it likes', async () => {
  const { gateway, upstream } = await scenario(answerOf('200 OK'), { timeouts: { headers: 200, idle: 0 } });
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.includes('\r\n\r\n'));
  // Longer than the time for the head.
  await new Promise((resolve) => setTimeout(resolve, 1800));
  expect(gateway.outcomes).toEqual([]);
  upstream.connections[0]?.socket.end('late');
  await client.until((text) => text.includes('late'));
});

test('a request that gets no connection within the connect time is 503', async () => {
  const { ask, gateway, upstream } = await scenario(() => {}, {
    upstream: { connections: 1, timeouts: { connect: '50ms' } },
  });
  const first = await clientFor(gateway);
  first.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
  await upstream.request(0);
  const answer = await ask('GET /second');
  expect([answer.status, answer.body.toString()]).toEqual([503, 'upstream_busy']);
  expect(gateway.outcomes[0]).toMatchObject({
    kind: 'failed',
    reason: expect.stringContaining('became free'),
  });
  expect(upstream.requests).toHaveLength(1);
});

test('as many requests wait for a connection as the queue holds; more are 503 at once, and count', async () => {
  const { ask, gateway, upstream } = await scenario(() => {}, {
    upstream: { connections: 1, queue: 2, timeouts: { connect: '10s' } },
  });
  const waiting = await Promise.all([1, 2, 3].map(() => clientFor(gateway)));
  for (const [number, client] of waiting.entries()) {
    client.send(`GET /${number} HTTP/1.1\r\nHost: a\r\n\r\n`);
    if (number === 0) await upstream.request(0);
  }
  await expect.poll(async () => (await ask('GET /more')).body.toString()).toBe('upstream_busy');
  expect(gateway.metrics.counts).toContain('upstreamFailed api upstream_busy');
  expect(upstream.requests).toHaveLength(1);
  // A connection that becomes free goes to who waits; then there is room again.
  upstream.connections[0]?.socket.write(OK);
  await waiting[0]?.until((text) => text.endsWith('ok'));
  await upstream.request(1);
  for (const client of waiting) client.close();
});

test('a target that takes no connection is 504', async () => {
  // 192.0.2.0/24 is for documentation: nothing answers there.
  const { ask, gateway } = await scenario(OK, {
    upstream: { targets: ['http://192.0.2.1:81'], timeouts: { connect: '50ms' } },
  });
  const answer = await ask('GET /');
  expect([502, 504]).toContain(answer.status);
  expect(gateway.outcomes).toMatchObject([{ kind: 'failed' }]);
  expect(answer.body.toString()).not.toContain('192.0.2.1');
});
