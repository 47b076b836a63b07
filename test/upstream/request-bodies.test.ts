import { createHash, randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { answerOf, clientFor, OK, scenario } from '../support/forwarding-scenario.ts';
import { parseAnswer } from '../support/raw-client.ts';

const MEGABYTE = 1024 * 1024;

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test.each(['sized', 'chunked'])('8 MB up and 8 MB down arrive as they were sent (%s)', async (kind) => {
  const up = randomBytes(8 * MEGABYTE);
  const down = randomBytes(8 * MEGABYTE);
  const { upstream, gateway } = await scenario((socket) => {
    socket.write(
      `HTTP/1.1 200 OK\r\n${kind === 'sized' ? `Content-Length: ${down.length}` : 'Connection: close'}\r\n\r\n`,
    );
    socket.end(down);
  });
  const client = await clientFor(gateway);
  const framing = kind === 'sized' ? `Content-Length: ${up.length}` : 'Transfer-Encoding: chunked';
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${framing}\r\n\r\n`);
  if (kind === 'sized') client.send(up);
  else {
    for (let at = 0; at < up.length; at += 100_000) {
      const chunk = up.subarray(at, at + 100_000);
      client.send(
        Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
      );
    }
    client.send('0\r\n\r\n');
  }
  await client.closed();
  const request = await upstream.request(0);
  expect(digest(request.body)).toBe(digest(up));
  expect(request.field(kind === 'sized' ? 'content-length' : 'transfer-encoding')).toBe(
    kind === 'sized' ? String(up.length) : 'chunked',
  );
  expect(digest(parseAnswer(client.received()).body)).toBe(digest(down));
});

test('a small body leaves in one segment with its head', async () => {
  const segments: string[] = [];
  const { ask, upstream } = await scenario(OK);
  const asked = ask('POST /', 'Content-Length: 5', '', 'hello');
  await upstream.until(() => upstream.connections.length === 1);
  upstream.connections[0]?.socket.on('data', (bytes) => segments.push(bytes.toString()));
  await asked;
  expect(segments).toHaveLength(1);
  expect(segments[0]?.endsWith('content-length: 5\r\n\r\nhello')).toBe(true);
});

test.each([
  ['POST', '0'],
  ['PUT', '0'],
  ['DELETE', undefined],
  ['OPTIONS', undefined],
])('%s without a body is sent with Content-Length %s', async (method, length) => {
  const { ask, upstream } = await scenario(OK);
  await ask(`${method} /`);
  expect(upstream.requests[0]?.field('content-length')).toBe(length);
  expect(upstream.requests[0]?.field('transfer-encoding')).toBeUndefined();
});

test('a body of DELETE is forwarded', async () => {
  const { ask, upstream } = await scenario(OK);
  await ask('DELETE /', 'Content-Length: 2', '', 'id');
  expect(upstream.requests[0]?.body.toString()).toBe('id');
});

test.each([
  ['before the head: the caller answers 413 and the upstream request is aborted', 'silent'],
  ['after the head: the client sees the truncation', 'early'],
])('a chunked body past its limit ends the exchange, %s', async (_title, behaviour) => {
  const { gateway, upstream } = await scenario(
    (socket) => {
      if (behaviour === 'early') socket.write(answerOf('200 OK', ['Content-Length: 100'], 'begin'));
    },
    { raw: { answer: 'onHead' }, bodyLimit: 20 },
  );
  const client = await clientFor(gateway);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n');
  if (behaviour === 'early') await client.until((text) => text.includes('begin'));
  else await upstream.until(() => upstream.requests[0]?.body.length === 10);
  client.send('b\r\n0123456789a\r\n');
  const outcome = await gateway.outcome(0);
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  expect(upstream.requests[0]?.isComplete).toBe(false);
  expect(upstream.requests[0]?.body.toString()).toBe('0123456789');
  if (behaviour === 'silent') {
    expect(outcome).toMatchObject({ kind: 'failed', code: 'body_too_large' });
    await client.until((text) => text.startsWith('HTTP/1.1 413 '));
  } else {
    expect(outcome).toMatchObject({ kind: 'truncated', status: 200 });
    await client.closed();
  }
});

test('a chunked body of exactly the limit passes', async () => {
  const { ask, upstream } = await scenario(OK, { bodyLimit: 10 });
  const answer = await ask('POST /', 'Transfer-Encoding: chunked', '', 'a', '0123456789', '0');
  expect(answer.status).toBe(200);
  expect(upstream.requests[0]?.body.toString()).toBe('0123456789');
});

test.each([
  ['streamed', 'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n'],
  ['gathered', 'Content-Length: 5\r\n\r\na'],
  ['discarded', 'Content-Length: 5\r\n\r\na', 'GET'],
])('a request body that stops arriving is 408 (%s)', async (_kind, rest, method = 'POST') => {
  const { gateway } = await scenario(() => {}, { bodyIdle: 50 });
  const client = await clientFor(gateway);
  client.send(`${method} / HTTP/1.1\r\nHost: a\r\n${rest}`);
  expect(await gateway.outcome(0)).toMatchObject({ kind: 'failed', code: 'request_timeout' });
  await client.until((text) => text.startsWith('HTTP/1.1 408 '));
});

test('while the upstream does not read, the clock of the client stands still', async () => {
  const { gateway, upstream } = await scenario(OK, { raw: { isDeaf: true }, bodyIdle: 100 });
  const client = await clientFor(gateway);
  client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${32 * MEGABYTE}\r\n\r\n`);
  client.socket.write(Buffer.alloc(32 * MEGABYTE));
  await upstream.until(() => upstream.connections.length === 1);
  // Longer than the idle time; the only way to see that something does not happen.
  await new Promise((resolve) => setTimeout(resolve, 400));
  expect(gateway.outcomes).toEqual([]);
});

test('an answer that comes before the end of the request reaches the client whole, and the connection closes', async () => {
  const body = 'x'.repeat(200_000);
  const { gateway, upstream } = await scenario(
    (socket) => {
      socket.write(answerOf('403 Forbidden', [`Content-Length: ${body.length}`], body));
    },
    { raw: { answer: 'onHead' } },
  );
  const client = await clientFor(gateway);
  client.send('POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n');
  client.send(Buffer.alloc(200_000));
  await client.until((text) => text.includes(body));
  // A second request inside of what is still the first one's body.
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  client.send(smuggled + '.'.repeat(800_000 - smuggled.length));
  expect(await client.closed()).toBe('ended');
  const answer = parseAnswer(client.received());
  expect([answer.status, answer.field('connection')]).toEqual([403, 'close']);
  expect(answer.raw.toString()).toBe(body);
  expect(upstream.requests.map(({ startLine }) => startLine)).toEqual(['POST /upload HTTP/1.1']);
});

test('trailers of a request are dropped', async () => {
  const { ask, upstream } = await scenario(OK);
  await ask(
    'POST /',
    'Transfer-Encoding: chunked',
    'Trailer: X-Tenant-Id',
    '',
    '2',
    'ok',
    '0',
    'X-Tenant-Id: T2',
  );
  const request = await upstream.request(0);
  expect([request.body.toString(), request.trailers]).toEqual(['ok', '']);
});

test.each(['GET', 'HEAD'])('a body of %s is read and dropped', async (method) => {
  const { gateway, upstream } = await scenario(answerOf('200 OK', ['Content-Length: 0']));
  const client = await clientFor(gateway);
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
  client.send(`${method} /one HTTP/1.1\r\nHost: a\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`);
  await upstream.request(0);
  client.send('GET /two HTTP/1.1\r\nHost: a\r\n\r\n');
  const second = await upstream.request(1);
  expect(second.startLine).toBe('GET /two HTTP/1.1');
  for (const request of upstream.requests) {
    expect(request.field('content-length')).toBeUndefined();
    expect(request.body).toHaveLength(0);
  }
});

test('a chunk reaches the upstream before the next one is sent', async () => {
  const { gateway, upstream } = await scenario(OK);
  const client = await clientFor(gateway);
  client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (const chunk of ['one', 'two', 'three']) {
    client.send(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
    await upstream.until(() => upstream.requests[0]?.body.toString().endsWith(chunk) === true);
  }
  client.send('0\r\n\r\n');
  await client.until((text) => text.endsWith('ok'));
});
