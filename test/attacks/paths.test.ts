import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import { connectRaw, parseAnswer } from '../support/raw-client.ts';
import { startRawUpstream } from '../support/raw-upstream.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

const ask = (line: string) =>
  attacked.gateway.raw(requestOf(line, [`X-API-Key: ${attacked.acme.key}`], 'acme.gw.test'));

it.each([
  ['P01 a dot segment hides a protected path from the rule', '/api/./admin'],
  ['P01 a dot segment at the end hides it too', '/api/admin/.'],
  ['P02 an encoded dot segment hides it', '/api/%2e/admin'],
  ['P02 an encoded dot segment in capitals hides it', '/api/%2E/admin'],
  ['P03 a public prefix is left by two dots', '/public/../api/admin'],
  ['P03 two dots leave the prefix at the end', '/public/..'],
  ['P03 encoded dots leave it', '/public/%2e%2e/api/admin'],
  ['P03 a dot and an encoded dot leave it', '/public/.%2e/api/admin'],
  ['P03 an encoded dot and a dot leave it', '/public/%2e./api/admin'],
  ['P03 dots and an encoded slash leave it', '/public/..%2fapi/admin'],
  ['P03 dots and an encoded backslash leave it', '/public/..%5capi/admin'],
  ['P04 dots encoded twice leave it where the upstream decodes twice', '/public/%252e%252e/api/admin'],
  ['P04 a slash encoded twice does', '/public/..%252fapi/admin'],
  ['P05 path parameters behind two dots are taken off by the upstream', '/public/..;/api/admin'],
  ['P05 path parameters with a value are', '/public/..;x=1/api/admin'],
  ['P05 an encoded semicolon is', '/public/..%3b/api/admin'],
  ['P05 one dot with path parameters is', '/api/.;/admin'],
  ['P05 a segment of path parameters alone is taken off whole', '/api/admin/;'],
  ['P05 a segment of path parameters alone before a protected path', '/;x/api/admin'],
  ['P05 an encoded semicolon at the begin of a segment', '/api/%3bx=1/admin'],
  ['P06 a backslash is a slash to the upstream', '/api\\admin'],
  ['P06 a backslash and dots leave the prefix', '/public\\..\\api\\admin'],
  ['P07 two slashes name another authority', '//evil.test/admin'],
  ['P07 three slashes', '///admin'],
  ['P07 an empty segment within the path', '/api//admin'],
  ['P09 an encoded slash', '/api%2fadmin'],
  ['P09 an encoded slash in capitals', '/api%2Fadmin'],
  ['P09 a slash in overlong UTF-8', '/api%c0%afadmin'],
  ['P12 what the upstream cuts off is a fragment', '/public#/../admin'],
  ['P12 the rule sees /admin#/public, the upstream /admin', '/api/admin#/public'],
  ['P12 a fragment in the query', '/public/x?a=1#/b'],
  ['P15 an absolute target names another host than Host', 'http://evil.test/api/x'],
  ['P15 an absolute target names the same host', 'http://acme.gw.test/api/x'],
  ['P15 an absolute target of another scheme', 'file:///etc/passwd'],
  ['P19 a percent sign without hex digits', '/api/%zz'],
  ['P19 a percent sign at the end', '/api/%'],
  ['P19 a percent sign with one hex digit', '/api/%4'],
  ['P03 an encoded NUL cuts the path short for the upstream', '/public/x%00/api/admin'],
  ['P03 an encoded line end splits the request line', '/public/x%0d%0aX-Tenant-Id:%20globex'],
  ['P03 an encoded question mark begins the query', '/public/x%3f/../api/admin'],
])('%s: %s', async (_, target) => {
  const answer = await ask(`GET ${target}`);
  const record = await attacked.expectRefused(answer, 400, 'path_not_canonical');
  // The ambiguous target is echoed nowhere.
  expect(answer.body.toString()).not.toContain(target);
  expect(record.path).toBeUndefined();
});

it.each(['/api/admin;x=1', '/api/admin%3bx=1', '/api/admin;', '/api/admin;x/'])(
  'P05 path parameters do not step around the rule of a path that the upstream finds without them: %s',
  async (target) => {
    await attacked.expectRefused(await ask(`GET ${target}`), 400, 'path_not_canonical');
  },
);

it.each([
  ['P06 a bare control byte in the target', '/api/\x01admin'],
  ['P03 a NUL in the target', '/public/x\0/admin'],
])('%s is no HTTP', async (_, target) => {
  await attacked.expectRefused(await ask(`GET ${target}`), 400, 'request_malformed');
});

it.each([
  ['P05 path parameters are matched and sent as they came', '/api/x;v=1/y'],
  ['P10 an encoded letter of a rule that is met is sent as it came', '/api/%6Frders'],
  ['P14 a second question mark and encoded bytes in the query stay', '/api/p14?b=1?c=2&d=%2f%2e%2E&e=..//\\'],
  ['P14 an empty query keeps its question mark', '/api/p14-empty?'],
])('%s: %s', async (_, target) => {
  const forwarded = await attacked.expectForwarded(await ask(`GET ${target}`));
  expect(forwarded.startLine).toBe(`GET ${target} HTTP/1.1`);
});

it.each([
  ['P05 path parameters on a protected path', '/api;x=1/admin', 404, 'route_not_found'],
  ['P10 an encoded letter', '/api/%61dmin', 403, 'role_missing'],
  ['P10 another encoded letter', '/api/adm%69n', 403, 'role_missing'],
  ['P10 a trailing slash', '/api/admin/', 403, 'role_missing'],
  ['P13 a public path in the query', '/api/admin?x=/public/', 403, 'role_missing'],
  ['P13 a query that looks like another target', '/api/admin?/public/status', 403, 'role_missing'],
])('%s does not step around the rule of the path: %s', async (_, target, status, code) => {
  await attacked.expectRefused(await ask(`GET ${target}`), status, code);
});

it('P16 OPTIONS * is answered here and never becomes OPTIONS /*', async () => {
  const answer = await attacked.gateway.raw(requestOf('OPTIONS *'));
  await attacked.expectRefused(answer, 404, 'route_not_found');
});

it('P16 the asterisk is no target of any other method', async () => {
  await attacked.expectRefused(await ask('GET *'), 404, 'route_not_found');
});

it('P17 CONNECT opens no tunnel, and what follows it on the connection is not read', async () => {
  const client = await connectRaw(attacked.gateway.port);
  client.send(
    'CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: 10.0.0.1:22\r\n\r\nGET /public/x HTTP/1.1\r\nHost: a\r\n\r\n',
  );
  await client.closed();
  const text = client.received().toString();
  expect(text.split('HTTP/1.1 ')).toHaveLength(2);
  await attacked.expectRefused(parseAnswer(client.received()), 405, 'method_not_allowed');
});

it.each(['TRACE', 'TRACK'])('P17 %s echoes nothing', async (method) => {
  const answer = await ask(`${method} /api/x`);
  await attacked.expectRefused(answer, 405, 'method_not_allowed');
  expect(answer.body.toString()).not.toContain(attacked.acme.key);
});

describe('an upstream with a base path', () => {
  let based: AttackedGateway;
  beforeAll(async () => {
    based = await startAttackedGateway((config, origin) => ({
      ...config,
      upstreams: { api: { targets: [origin], basePath: '/base' } },
      routes: [
        { id: 'public', match: { path: '/public/**' }, public: true, upstream: 'api' },
        {
          id: 'stripped',
          match: { path: '/cut/**' },
          stripPrefix: '/cut',
          public: true,
          upstream: 'api',
        },
      ],
    }));
  });
  afterAll(() => based.close());
  beforeEach(() => based.forget());

  it.each([
    ['/public/../x'],
    ['/cut/../x'],
    ['/cut/\\x'],
    ['/cut//evil.test/'],
    ['/cut/http://evil.test/'],
    ['/%63ut/x'],
  ])('P21 cannot be left by %s', async (target) => {
    await based.expectRefused(await based.gateway.raw(requestOf(`GET ${target}`)), 400, 'path_not_canonical');
  });

  it.each([
    ['/public/http:evil.test', '/base/public/http:evil.test'],
    ['/cut/@evil.test', '/base/@evil.test'],
    ['/cut/:80', '/base/:80'],
    ['/cut', '/base/'],
    ['/cut?/x', '/base/?/x'],
  ])('P21 keeps %s under the base and on its origin', async (target, sent) => {
    const answer = await based.gateway.raw(requestOf(`GET ${target}`));
    expect(answer.status).toBe(200);
    expect(based.upstream.requests.map(({ startLine }) => startLine)).toEqual([`GET ${sent} HTTP/1.1`]);
    expect(based.upstream.requests[0]?.all('host')).toEqual([based.upstream.authority]);
    const path = target.split('?')[0];
    await based.gateway.audited((record) => record.code === 'admitted' && record.path === path);
    await based.expectAlive();
  });
});

it('P22 tenants whose targets and paths join to one URL each reach their own upstream, in turn', async () => {
  const second = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
  const cells = await startAttackedGateway((config) => ({
    ...config,
    tenants: {
      acme: { hosts: ['acme.gw.test'] },
      globex: { hosts: ['globex.gw.test'], upstreams: { api: [second.origin] } },
    },
  }));
  try {
    for (let round = 0; round < 3; round += 1) {
      for (const [issued, expected] of [
        [cells.acme, 'ok'],
        [cells.globex, 'second'],
      ] as const) {
        const answer = await cells.gateway.raw(requestOf('GET /api/cell', [`X-API-Key: ${issued.key}`]));
        expect(answer.body.toString()).toBe(expected);
      }
    }
    expect(cells.upstream.requests.map((request) => request.field('x-tenant-id'))).toEqual(
      Array(3).fill('acme'),
    );
    expect(second.requests.map((request) => request.field('x-tenant-id'))).toEqual(Array(3).fill('globex'));
    expect(second.requests.map((request) => request.field('host'))).toEqual(Array(3).fill(second.authority));
    await cells.gateway.audited((record) => record.code === 'admitted' && record.tenant === 'globex');
    await cells.expectAlive();
  } finally {
    await cells.close();
    await second.close();
  }
});
