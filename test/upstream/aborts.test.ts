import { expect, test } from 'vitest';
import { answerOf, clientFor, OK, scenario } from '../support/forwarding-scenario.ts';

test('a client that leaves before the head aborts the upstream request at once', async () => {
  const { gateway, upstream } = await scenario(() => {});
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await upstream.until(() => upstream.requests.length === 1);
  client.close();
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  expect(gateway.outcomes).toEqual([{ kind: 'clientGone', status: undefined }]);
});

test('a client that leaves within the answer aborts the upstream request at once', async () => {
  const { gateway, upstream } = await scenario(answerOf('200 OK', ['Content-Length: 100'], 'begin'));
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.includes('begin'));
  client.close();
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  expect(gateway.outcomes).toEqual([{ kind: 'clientGone', status: 200 }]);
});

test.each([
  ['streamed', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 1],
  ['gathered', 'Content-Length: 5\r\n\r\nabc', 0],
])('a client that leaves within its body aborts the request (%s)', async (_kind, rest, sent) => {
  const { gateway, upstream } = await scenario(OK);
  const client = await clientFor(gateway);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\n${rest}`);
  if (sent === 1) await upstream.until(() => upstream.requests[0]?.body.toString() === 'abc');
  else await new Promise((resolve) => gateway.server.once('request', resolve));
  client.close();
  expect(await gateway.outcome(0)).toEqual({ kind: 'clientGone', status: undefined });
  await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
  expect(upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
});

test('a client that leaves while it waits for a connection costs no connection and no request', async () => {
  const { gateway, upstream } = await scenario(() => {}, { upstream: { connections: 1 } });
  const [first, second, third] = [
    await clientFor(gateway),
    await clientFor(gateway),
    await clientFor(gateway),
  ];
  first.send('GET /first HTTP/1.1\r\nHost: a\r\n\r\n');
  await upstream.request(0);
  second.send('GET /second HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => gateway.server.once('request', resolve));
  second.close();
  expect(await gateway.outcome(0)).toEqual({ kind: 'clientGone', status: undefined });
  third.send('GET /third HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => gateway.server.once('request', resolve));
  upstream.connections[0]?.socket.write(OK);
  const request = await upstream.request(1);
  expect([request.startLine, request.connection]).toEqual(['GET /third HTTP/1.1', 0]);
});

test.each([
  ['closes', (end: () => void) => end()],
  ['resets', (_end: () => void, reset: () => void) => reset()],
])('an upstream that %s within the answer cuts the client off', async (_how, act) => {
  const { gateway, upstream } = await scenario(answerOf('200 OK', ['Content-Length: 100'], 'begin'));
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.includes('begin'));
  const socket = upstream.connections[0]?.socket;
  act(
    () => socket?.end(),
    () => socket?.resetAndDestroy(),
  );
  await client.closed();
  expect(client.received().toString()).toMatch(/Content-Length: 100[^]*\r\n\r\nbegin$/);
  expect(gateway.outcomes).toMatchObject([{ kind: 'truncated', status: 200 }]);
});

test('a chunked answer that breaks off has no last chunk', async () => {
  const { ask, gateway } = await scenario((socket) => {
    socket.end(answerOf('200 OK', ['Transfer-Encoding: chunked'], '5\r\nbegin\r\n'));
  });
  const answer = await ask('GET /');
  expect(answer.raw.toString()).toBe('5\r\nbegin\r\n');
  expect(gateway.outcomes).toMatchObject([{ kind: 'truncated', status: 200 }]);
});

test('to a client of HTTP/1.0, where a close is an end, a broken answer ends in a reset', async () => {
  const { gateway, upstream } = await scenario(
    answerOf('200 OK', ['Transfer-Encoding: chunked'], '5\r\nbegin\r\n'),
  );
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  await client.until((text) => text.endsWith('begin'));
  upstream.connections[0]?.socket.end();
  expect(await client.closed()).toBe('reset');
});

test('after an abort, the next request on the same client connection works', async () => {
  let isFirst = true;
  const { gateway } = await scenario((socket) => {
    if (isFirst) socket.destroy();
    else socket.write(OK);
    isFirst = false;
  });
  const client = await clientFor(gateway);
  client.send('GET /one HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.includes('upstream_unavailable'));
  client.send('GET /two HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.endsWith('\r\n\r\nok'));
});
