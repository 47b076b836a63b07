import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { answerOf, clientFor, OK, scenario } from '../support/forwarding-scenario.ts';

/** What node:http adds to an answer is of its own connection. */
const OWN_FIELDS = new Set(['date', 'connection', 'transfer-encoding', 'keep-alive']);

function passedFields(fields: readonly (readonly [string, string])[]): string[] {
  return fields
    .filter(([name]) => !OWN_FIELDS.has(name.toLowerCase()))
    .map(([name, value]) => `${name}: ${value}`);
}

test('an answer keeps status, reason, order, spelling and duplicates of its fields', async () => {
  const fields = ['X-b: 1', 'Set-Cookie: a=1; Path=/', 'set-cookie: b=2', 'x-B: 2', 'Content-Length: 3'];
  const { ask } = await scenario(answerOf('418 I am  a Teapot', fields, 'tea'));
  const answer = await ask('GET /');
  expect(answer.startLine).toBe('HTTP/1.1 418 I am  a Teapot');
  expect(passedFields(answer.fields)).toEqual(fields);
  expect(answer.body.toString()).toBe('tea');
});

test.each([
  ['200 Pr\xfcfung bestanden', 'Latin-1'],
  ['200 Pr\xc3\xbcfung', 'UTF-8'],
  ['200 ', 'none'],
])('the reason phrase of %j passes byte for byte (%s)', async (statusLine) => {
  const { ask } = await scenario(answerOf(statusLine, ['Content-Length: 0']));
  expect((await ask('GET /')).startLine).toBe(`HTTP/1.1 ${statusLine}`);
});

test('a Latin-1 field value and a Latin-1 body pass byte for byte', async () => {
  const fields = ['Content-Type: text/plain; charset=iso-8859-1', 'X-Name: M\xfcller', 'Content-Length: 7'];
  const { ask } = await scenario(answerOf('200 OK', fields, 'Gr\xfc\xdfe \xff'));
  const answer = await ask('GET /');
  expect(passedFields(answer.fields)).toEqual(fields);
  expect(answer.raw.toString('latin1')).toBe('Gr\xfc\xdfe \xff');
});

test('gzip passes as it is', async () => {
  const body = gzipSync('x'.repeat(5000));
  const fields = ['Content-Encoding: gzip', 'Content-Type: text/plain', `Content-Length: ${body.length}`];
  const { ask } = await scenario((socket) => {
    socket.write(answerOf('200 OK', fields));
    socket.write(body);
  });
  const answer = await ask('GET /');
  expect(passedFields(answer.fields)).toEqual(fields);
  expect(answer.raw.equals(body)).toBe(true);
});

test("the upstream's Date is the only one; where it has none, the gateway's is added", async () => {
  const dated = await scenario(
    answerOf('200 OK', ['Date: Mon, 01 Jan 2001 00:00:00 GMT', 'Content-Length: 0']),
  );
  expect((await dated.ask('GET /')).all('date')).toEqual(['Mon, 01 Jan 2001 00:00:00 GMT']);
  const dateless = await scenario(answerOf('200 OK', ['Content-Length: 0']));
  expect((await dateless.ask('GET /')).all('date')).toHaveLength(1);
});

test('an answer to HEAD keeps its Content-Length and has no body', async () => {
  const { ask } = await scenario(answerOf('200 OK', ['Content-Length: 4711', 'ETag: "v"']));
  const answer = await ask('HEAD /');
  expect(passedFields(answer.fields)).toEqual(['Content-Length: 4711', 'ETag: "v"']);
  expect(answer.raw).toHaveLength(0);
});

test('204 has neither Content-Length nor body, whatever the upstream claims', async () => {
  const { ask, gateway } = await scenario(answerOf('204 No Content', ['Content-Length: 5', 'X-A: 1']));
  const answer = await ask('DELETE /x');
  expect(answer.status).toBe(204);
  expect(passedFields(answer.fields)).toEqual(['X-A: 1']);
  expect(await gateway.outcome(0)).toMatchObject({ kind: 'answered', status: 204 });
});

test('an answer that ends with its connection is passed on in chunks, and whole', async () => {
  const { ask } = await scenario((socket) =>
    socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/x\r\n\r\nuntil the end'),
  );
  const answer = await ask('GET /');
  expect(answer.field('transfer-encoding')).toBe('chunked');
  expect(answer.body.toString()).toBe('until the end');
  expect(answer.raw.toString()).toMatch(/\r\n0\r\n\r\n$/);
});

test('trailers of an answer are dropped', async () => {
  const chunked = 'Transfer-Encoding: chunked';
  const { ask } = await scenario(
    answerOf('200 OK', [chunked, 'Trailer: X-Sum'], '2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n'),
  );
  const answer = await ask('GET /');
  expect(answer.raw.toString()).toBe('2\r\nok\r\n0\r\n\r\n');
  expect(answer.field('trailer')).toBeUndefined();
});

test('hop-by-hop fields, nominated ones, Alt-Svc and our own names never reach the client', async () => {
  const { ask } = await scenario(
    answerOf(
      '200 OK',
      [
        'Connection: keep-alive, X-Secret, Content-Type, Content-Length, Set-Cookie',
        'X-Secret: 1',
        'Keep-Alive: timeout=5',
        'Proxy-Authenticate: Basic',
        'Proxy-Connection: keep-alive',
        'Upgrade: h2c',
        'Alt-Svc: h3=":443"',
        'X-Gatehouse-Assertion: forged',
        'x_gatehouse_tenant: acme',
        'TE: trailers',
        'Content-Type: text/plain',
        'Set-Cookie: a=1',
        'Content-Length: 2',
      ],
      'ok',
    ),
  );
  const answer = await ask('GET /');
  expect(passedFields(answer.fields)).toEqual([
    'Content-Type: text/plain',
    'Set-Cookie: a=1',
    'Content-Length: 2',
  ]);
  expect(answer.raw.toString()).toBe('ok');
});

test('early hints reach a client of HTTP/1.1; 102 does not', async () => {
  const interim =
    'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-A: 1\r\n\r\n';
  const { gateway } = await scenario(interim + OK);
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.endsWith('ok'));
  const text = client.received().toString('latin1');
  expect(
    text.startsWith('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\n'),
  ).toBe(true);

  const old = await clientFor(gateway);
  old.send('GET / HTTP/1.0\r\nHost: a\r\n\r\n');
  await old.closed();
  expect(old.received().toString('latin1').startsWith('HTTP/1.1 200 OK\r\n')).toBe(true);
});

test('the head and each event of a stream reach the client before the next one is sent', async () => {
  const { gateway, upstream } = await scenario(answerOf('200 OK', ['Content-Type: text/event-stream']));
  const client = await clientFor(gateway);
  client.send('GET /events HTTP/1.1\r\nHost: a\r\n\r\n');
  // Each wait would last for ever if the gateway held anything back, since the upstream says no more.
  await client.until((text) => text.includes('\r\n\r\n'));
  for (const event of ['data: one\n\n', 'data: two\n\n', 'data: three\n\n']) {
    upstream.connections[0]?.socket.write(event);
    await client.until((text) => text.includes(event));
  }
  upstream.connections[0]?.socket.end();
  await client.until((text) => text.endsWith('\r\n0\r\n\r\n'));
});

test('fields that the caller has set are sent along with those of the upstream', async () => {
  const { gateway, ask } = await scenario(answerOf('200 OK', ['Content-Length: 2', 'Vary: Cookie'], 'ok'));
  gateway.server.prependListener('request', (_request, response) => response.setHeader('X-Request-Id', '7'));
  const answer = await ask('GET /');
  expect(answer.field('x-request-id')).toBe('7');
  expect(answer.field('vary')).toBe('Cookie');
  expect(answer.raw.toString()).toBe('ok');
});

test.each([
  ['http://TARGET/base/orders/7?a=b#c', 'https://public.test/v1/orders/7?a=b#c'],
  ['http://TARGET/base', 'https://public.test/v1'],
  ['HTTP://TARGET/base/x', 'https://public.test/v1/x'],
  ['http://legacy.internal/base/x', 'https://public.test/v1/x'],
  ['http://legacy.internal:80/base/x', 'https://public.test/v1/x'],
  ['http://TARGET/other/x', 'http://TARGET/other/x'],
  ['http://TARGET/based', 'http://TARGET/based'],
  ['http://elsewhere.test/base/x', 'http://elsewhere.test/base/x'],
  ['http://legacy.internal@evil.test/base/x', 'http://legacy.internal@evil.test/base/x'],
  ['https://legacy.internal/base/x', 'https://legacy.internal/base/x'],
  ['/base/x', '/base/x'],
])('Location %s becomes %s', async (location, expected) => {
  const { ask, upstream } = await scenario(
    (socket, request) => {
      const own = location.replace('TARGET', request.field('x-target') ?? '');
      socket.write(answerOf('302 Found', [`Location: ${own}`, 'Content-Length: 0']));
    },
    {
      upstream: { basePath: '/base' },
      request: () => ({ strippedPrefix: '/v1' }),
      fieldsFor: (target) => ['Host', 'legacy.internal', 'X-Target', target.authority],
    },
  );
  expect((await ask('GET /base')).field('location')).toBe(expected.replace('TARGET', upstream.authority));
});

test('Location is left alone where rewriteLocation is off', async () => {
  const { ask, upstream } = await scenario(
    (socket, request) =>
      socket.write(
        answerOf('302 Found', [`Location: http://${request.field('host') ?? ''}/x`, 'Content-Length: 0']),
      ),
    { upstream: { rewriteLocation: false } },
  );
  expect((await ask('GET /')).field('location')).toBe(`${upstream.origin}/x`);
});
