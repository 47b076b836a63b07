import { expect, test } from 'vitest';
import type { ForwardingGateway } from '../support/forwarding-gateway.ts';
import {
  answerOf,
  clientFor,
  gatewayFor,
  OK,
  type Scenario,
  scenario,
  upstreamFor,
} from '../support/forwarding-scenario.ts';
import { exchangeRaw, type RawAnswer } from '../support/raw-client.ts';
import type { RawHandler } from '../support/raw-upstream.ts';

/** The process lives and forwards: the tenant `alive` has a target of its own that answers properly. */
async function expectAlive(gateway: ForwardingGateway): Promise<void> {
  const request = 'GET /alive HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Test-Tenant: alive\r\n\r\n';
  const answer = await exchangeRaw(gateway.port, request);
  expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
}

async function attacked(
  handler: RawHandler | string,
  options: Parameters<typeof scenario>[1] = {},
): Promise<Scenario> {
  const alive = await upstreamFor(OK);
  return scenario(handler, { ...options, tenants: { alive: { upstreams: { api: [alive.origin] } } } });
}

/** Nothing of what went wrong, nor where, is told to the client. */
function expectDiscreet(answer: RawAnswer): void {
  const told = `${answer.head}\n${answer.body.toString('latin1')}`;
  expect(told).not.toMatch(/127\.0\.0\.1|ECONN|UND_ERR|socket|Error|parse/i);
}

test('U01 an answer with Trailer and Content-Length does not end the process', async () => {
  const { ask, gateway } = await attacked(answerOf('200 OK', ['Trailer: X-T', 'Content-Length: 2'], 'ok'));
  const answer = await ask('GET /');
  expect([answer.status, answer.field('trailer'), answer.body.toString()]).toEqual([200, undefined, 'ok']);
  await expectAlive(gateway);
});

test('U02 an upstream does not decide about the connection of the client', async () => {
  const { gateway } = await attacked(
    answerOf(
      '200 OK',
      [
        'Connection: close, X-Foo',
        'X-Foo: 1',
        'Keep-Alive: timeout=1',
        'Proxy-Authenticate: Basic realm=x',
        'Upgrade: h2c',
        'Content-Length: 2',
      ],
      'ok',
    ),
  );
  const client = await clientFor(gateway);
  for (const round of [1, 2]) {
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.until((text) => text.split('\r\n\r\nok').length === round + 1);
  }
  const text = client.received().toString('latin1');
  expect(text).not.toMatch(/x-foo|timeout=1\b|proxy-authenticate|upgrade|connection: close/i);
  await expectAlive(gateway);
});

test('U04 a 304 with the Content-Length of what was not sent is a 304', async () => {
  const { ask, gateway } = await attacked(answerOf('304 Not Modified', ['ETag: "v1"', 'Content-Length: 5']));
  const answer = await ask('GET /', 'If-None-Match: "v1"');
  expect([answer.status, answer.field('etag'), answer.field('content-length')]).toEqual([304, '"v1"', '5']);
  expect(answer.raw).toHaveLength(0);
  expect(gateway.outcomes[0]).toMatchObject({ kind: 'answered', status: 304 });
  await expectAlive(gateway);
});

test('U07 an upstream whose name does not resolve is a plain 502', async () => {
  const gateway = await gatewayFor({
    upstream: { targets: ['http://orders.invalid:8080'] },
    resolveName: (_name, _options, done) =>
      done(Object.assign(new Error('getaddrinfo ENOTFOUND orders.invalid'), { code: 'ENOTFOUND' }), []),
  });
  const answer = await exchangeRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect([answer.status, answer.body.toString()]).toEqual([502, 'upstream_unavailable']);
  expect(gateway.outcomes).toMatchObject([{ reason: 'getaddrinfo ENOTFOUND orders.invalid' }]);
});

test('U08 a 503 with Retry-After is passed through after one try', async () => {
  const { ask, gateway, upstream } = await attacked(
    answerOf('503 Busy', ['Retry-After: 120', 'Content-Length: 4'], 'busy'),
  );
  const answer = await ask('GET /');
  expect([answer.status, answer.field('retry-after'), answer.body.toString()]).toEqual([503, '120', 'busy']);
  expect(upstream.requests).toHaveLength(1);
  await expectAlive(gateway);
});

test('U09 a client that leaves before the head ends the upstream request', async () => {
  const { gateway, upstream } = await attacked(() => {});
  const client = await clientFor(gateway);
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await upstream.request(0);
  client.close();
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  expect(gateway.outcomes[0]).toEqual({ kind: 'clientGone', status: undefined });
  await expectAlive(gateway);
});

test("U14 a tenant's requests reach that tenant's target, with its Host, and no other", async () => {
  const [acme, globex] = [await upstreamFor(OK), await upstreamFor(OK)];
  const { ask, upstream } = await scenario(OK, {
    tenants: {
      acme: { upstreams: { api: [acme.origin] } },
      globex: { upstreams: { api: [globex.origin] } },
      other: {},
    },
  });
  await Promise.all(
    ['acme', 'globex', 'other', 'acme', 'globex'].map((tenant) =>
      ask(`GET /${tenant}`, `X-Test-Tenant: ${tenant}`),
    ),
  );
  for (const [target, tenant, count] of [
    [acme, 'acme', 2],
    [globex, 'globex', 2],
    [upstream, 'other', 1],
  ] as const) {
    expect(target.requests.map(({ startLine }) => startLine)).toEqual(
      Array.from({ length: count }, () => `GET /${tenant} HTTP/1.1`),
    );
    for (const request of target.requests) expect(request.all('host')).toEqual([target.authority]);
  }
});

test.each([
  ['Latin-1 text', ['Content-Type: text/plain; charset=iso-8859-1'], 'Gr\xfc\xdfe \x80\xff'],
  [
    'gzipped text',
    ['Content-Type: text/plain', 'Content-Encoding: gzip'],
    '\x1f\x8b\x08\0\0\0\0\0\0\x03K\xcf\x07\0',
  ],
  ['2 MB of text', ['Content-Type: text/plain'], '\xe9'.repeat(2_000_000)],
  ['JSON with a large integer', ['Content-Type: application/json'], '{"id":9007199254740993}'],
])('U15 %s passes in both directions byte for byte', async (_what, fields, body) => {
  const length = `Content-Length: ${body.length}`;
  const { ask, upstream } = await attacked(answerOf('200 OK', [...fields, length], body));
  const answer = await ask('POST /', ...fields, length, '', body);
  const request = await upstream.request(0);
  expect(request.body.toString('latin1') === body).toBe(true);
  expect(answer.raw.toString('latin1') === body).toBe(true);
  for (const field of fields) {
    const [name = '', value = ''] = field.split(': ');
    expect([request.all(name), answer.all(name)]).toEqual([[value], [value]]);
  }
});

test.each(['text/plain', 'application/json', 'application/octet-stream', undefined])(
  'U17 20 bytes in chunks where 10 are allowed are 413 (%s)',
  async (type) => {
    const { ask, gateway, upstream } = await attacked(OK, { bodyLimit: 10 });
    const content = type === undefined ? [] : [`Content-Type: ${type}`];
    const answer = await ask(
      'POST /',
      ...content,
      'Transfer-Encoding: chunked',
      '',
      '14',
      'x'.repeat(20),
      '0',
    );
    expect([answer.status, answer.body.toString()]).toEqual([413, 'body_too_large']);
    expect(upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
    expect(upstream.requests.map(({ body }) => body.length).filter((length) => length > 0)).toEqual([]);
    await expectAlive(gateway);
  },
);

test.each([
  ['a metadata service', '169.254.169.254'],
  ['the same as IPv6', '::ffff:169.254.169.254'],
  ['a link-local address', 'fe80::1'],
  ['the unspecified address', '0.0.0.0'],
])('U18 a name that is rebound to %s is not connected to', async (_what, address) => {
  const upstream = await upstreamFor(OK);
  const addresses = ['127.0.0.1', address];
  const gateway = await gatewayFor({
    upstream: { targets: [`http://orders.internal:${upstream.port}`] },
    resolveName: (_name, _options, done) => {
      const next = addresses.shift() ?? address;
      done(null, [{ address: next, family: next.includes(':') ? 6 : 4 }]);
    },
  });
  const ask = () => exchangeRaw(gateway.port, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  expect((await ask()).status).toBe(200);
  // The kept connection goes, so that the name is looked up again.
  upstream.connections[0]?.socket.end();
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  const answer = await ask();
  expect(answer.status).toBe(502);
  expectDiscreet(answer);
  expect(gateway.outcomes[1]).toMatchObject({ kind: 'failed', reason: expect.stringContaining('metadata') });
  expect(upstream.requests).toHaveLength(1);
});

test.each([
  'unix+http://run/api.sock',
  'unix:///run/api.sock',
  'file:///etc/passwd',
  'ftp://x',
  'http://u:p@x',
])('U18 %s is no target', async (target) => {
  await expect(gatewayFor({ upstream: { targets: [target] } })).rejects.toThrow(
    /an http:\/\/ or https:\/\/ URL/,
  );
});

test.each(['http://169.254.169.254', 'http://[::ffff:a9fe:a9fe]', 'http://[fe80::1]', 'http://0/'])(
  "U18 %s is refused as a tenant's target when the configuration is compiled",
  async (target) => {
    const tenants = { acme: { upstreams: { api: [target] } } };
    await expect(gatewayFor({ upstream: { targets: ['http://127.0.0.1:1'] }, tenants })).rejects.toThrow(
      `target ${target} is an address that nothing is forwarded to`,
    );
  },
);
