import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';

let attacked: AttackedGateway;
beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

const keyField = () => `X-API-Key: ${attacked.acme.key}`;

it.each([
  ['H01 two Host fields', ['Host: acme.gw.test', 'Host: evil.gw.test']],
  ['H01 two equal Host fields', ['Host: acme.gw.test', 'Host: acme.gw.test']],
  ['H01 Host and another spelling of it', ['Host: acme.gw.test', 'hOST: globex.gw.test']],
  ['H02 a list', ['Host: acme.gw.test, evil']],
  ['H02 userinfo', ['Host: acme.gw.test@evil']],
  ['H02 a path', ['Host: evil/acme.gw.test']],
  ['H02 percent-encoding', ['Host: acme%2egw.test']],
  ['H02 a backslash', ['Host: acme.gw.test\\.evil']],
  ['H02 a wildcard', ['Host: *.gw.test']],
  ['H02 a query', ['Host: acme.gw.test?x']],
  ['H02 a fragment', ['Host: acme.gw.test#x']],
  ['H02 a space', ['Host: acme.gw.test evil']],
  ['H02 a byte outside ASCII', ['Host: acm\xe9.gw.test']],
  ['H02 two trailing dots', ['Host: acme.gw.test..']],
  ['H02 an empty label', ['Host: acme..gw.test']],
  ['H02 a port that is no number', ['Host: acme.gw.test:8a']],
  ['H02 a port that is none', ['Host: acme.gw.test:99999']],
  ['H02 two ports', ['Host: acme.gw.test:80:80']],
  ['H02 quotes', ['Host: "acme.gw.test"']],
  ['H02 300 characters', [`Host: ${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(180)}`]],
  ['H05 an empty Host', ['Host:']],
  ['H05 a Host of spaces', ['Host:   ']],
  ['H05 no Host in HTTP/1.1', []],
  ['H05 only an alias of Host', ['X-Forwarded-Host: acme.gw.test']],
])('%s is refused', async (_, hosts) => {
  const lines = ['GET /public/x HTTP/1.1', 'Connection: close', keyField(), ...hosts, '', ''];
  const answer = await attacked.gateway.raw(lines.join('\r\n'));
  const record = await attacked.expectRefused(answer, 400, 'host_invalid');
  expect(record.tenant).toBeUndefined();
});

it('H05 HTTP/1.0 without Host has no host to choose by, and none is made up', async () => {
  const answer = await attacked.gateway.raw(`GET /public/x HTTP/1.0\r\n${keyField()}\r\n\r\n`);
  await attacked.expectRefused(answer, 400, 'host_invalid');
});

describe('H04 another spelling of the host of a tenant', () => {
  it.each(['ACME.gw.TEST', 'acme.gw.test.', 'aCmE.GW.test.:8080', 'ACME.API.gw.test', 'acme.api.gw.test.'])(
    '%s is the host of that tenant: its own key passes, the key of another does not',
    async (host) => {
      const path = `/api/h04-${host.replaceAll(/[.:]/g, '-')}`;
      const own = await attacked.gateway.raw(requestOf(`GET ${path}`, [keyField()], host));
      const forwarded = await attacked.expectForwarded(own);
      expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
      const other = await attacked.gateway.raw(
        requestOf(`GET ${path}`, [`X-API-Key: ${attacked.globex.key}`], host),
      );
      await attacked.expectRefused(other, 403, 'tenant_mismatch');
    },
  );

  it('an internationalised name is one tenant by its A-label only', async () => {
    const answer = await attacked.gateway.raw(
      requestOf('GET /api/x', [keyField()], 'xn--acm-epa.api.gw.test'),
    );
    await attacked.expectRefused(answer, 404, 'tenant_not_found');
  });

  it('an unknown tenant is never taken for the default', async () => {
    const answer = await attacked.gateway.raw(requestOf('GET /public/x', [keyField()], 'nobody.api.gw.test'));
    await attacked.expectRefused(answer, 404, 'tenant_not_found');
  });
});

describe('H06 a stranger', () => {
  it('cannot choose the host by X-Forwarded-Host, or any field like it', async () => {
    const answer = await attacked.gateway.raw(
      requestOf(
        'GET /api/h06',
        [
          `X-API-Key: ${attacked.globex.key}`,
          'X-Forwarded-Host: globex.gw.test',
          'X-Host: globex.gw.test',
          'X-Original-Host: globex.gw.test',
          'Forwarded: for=10.0.0.1;host=globex.gw.test;proto=https',
        ],
        'acme.gw.test',
      ),
    );
    const record = await attacked.expectRefused(answer, 403, 'tenant_mismatch');
    expect(record.host).toBe('acme.gw.test');
  });

  it('cannot choose the address that is written down, or the scheme', async () => {
    const answer = await attacked.gateway.raw(
      requestOf('GET /api/h06-address', [
        keyField(),
        'X-Forwarded-For: 10.9.9.9',
        'X-Forwarded-Proto: https',
        'X-Real-IP: 10.9.9.9',
      ]),
    );
    const forwarded = await attacked.expectForwarded(answer);
    expect(forwarded.all('x-forwarded-for')).toEqual(['127.0.0.1']);
    expect(forwarded.all('x-forwarded-proto')).toEqual(['http']);
    const record = await attacked.gateway.audited(({ path }) => path === '/api/h06-address');
    expect(record.peer).toBe('127.0.0.1');
  });
});

describe('H06 a trusted proxy', () => {
  let trusting: AttackedGateway;
  beforeAll(async () => {
    trusting = await startAttackedGateway((config) => ({
      ...config,
      trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'],
    }));
  });
  afterAll(() => trusting.close());
  beforeEach(() => trusting.forget());

  it('is believed: host, scheme and address are those it gives', async () => {
    const answer = await trusting.gateway.raw(
      requestOf(
        'GET /api/h06-trusted',
        [
          `X-API-Key: ${trusting.acme.key}`,
          'X-Forwarded-Host: ACME.gw.test',
          'X-Forwarded-Proto: https',
          'X-Forwarded-For: 1.1.1.1, 203.0.113.7, 10.0.0.9',
        ],
        'internal',
      ),
    );
    const forwarded = await trusting.expectForwarded(answer);
    // What stands before the last address that is no proxy was written by that address: no one vouches for it.
    expect(forwarded.all('x-forwarded-for')).toEqual(['203.0.113.7']);
    expect(forwarded.all('x-forwarded-proto')).toEqual(['https']);
    const record = await trusting.gateway.audited(({ path }) => path === '/api/h06-trusted');
    expect(record).toMatchObject({ peer: '203.0.113.7', host: 'acme.gw.test', tenant: 'acme' });
  });

  it('binds the tenant with the host that it gives', async () => {
    const answer = await trusting.gateway.raw(
      requestOf('GET /api/x', [`X-API-Key: ${trusting.acme.key}`, 'X-Forwarded-Host: globex.gw.test']),
    );
    await trusting.expectRefused(answer, 403, 'tenant_mismatch');
  });

  it.each([
    ['two hosts', ['X-Forwarded-Host: acme.gw.test', 'X-Forwarded-Host: evil'], 'request_malformed'],
    ['a list of hosts', ['X-Forwarded-Host: acme.gw.test, evil'], 'host_invalid'],
    ['userinfo in the host', ['X-Forwarded-Host: acme.gw.test@evil'], 'host_invalid'],
    ['an empty host', ['X-Forwarded-Host:'], 'host_invalid'],
    ['another scheme', ['X-Forwarded-Proto: javascript'], 'request_malformed'],
    ['two schemes', ['X-Forwarded-Proto: https, http'], 'request_malformed'],
    ['no address', ['X-Forwarded-For: unknown'], 'request_malformed'],
    ['an address with a port', ['X-Forwarded-For: 203.0.113.7:99'], 'request_malformed'],
    [
      'two address fields',
      ['X-Forwarded-For: 203.0.113.7', 'X-Forwarded-For: 203.0.113.8'],
      'request_malformed',
    ],
  ])('that passes on %s is not understood', async (_, fields, code) => {
    const answer = await trusting.gateway.raw(requestOf('GET /public/x', fields));
    await trusting.expectRefused(answer, 400, code);
  });
});

it.each([1, true, 'all', ['*'], ['0.0.0.0/33'], ['proxy.internal']])(
  'H08 trustedProxies: %j is refused at start-up, since only address ranges can be trusted',
  async (trustedProxies) => {
    await expect(startAttackedGateway((config) => ({ ...config, trustedProxies }))).rejects.toThrow(
      /trustedProxies/,
    );
  },
);

describe('H11 a credential', () => {
  it.each(['globex.gw.test', 'globex.api.gw.test', 'GLOBEX.gw.test:443'])(
    'of acme on %s is refused without saying whose it is',
    async (host) => {
      const answer = await attacked.gateway.raw(requestOf('GET /api/x', [keyField()], host));
      const record = await attacked.expectRefused(answer, 403, 'tenant_mismatch');
      expect(answer.body.toString()).not.toMatch(/acme|globex/i);
      expect(record).toMatchObject({
        subject: `key:${attacked.acme.id}`,
        credential: `key:${attacked.acme.id}`,
      });
    },
  );
});

it.each([
  [
    'H12 a bearer token and a key',
    (one: string, other: string) => [`Authorization: Bearer ${one}`, `X-API-Key: ${other}`],
  ],
  ['H12 two keys in two places', (one, other) => [`Authorization: ApiKey ${one}`, `X-API-Key: ${other}`]],
  ['H12 one key in two places', (one) => [`Authorization: ApiKey ${one}`, `X-API-Key: ${one}`]],
  ['H12 a key and Basic', (one) => ['Authorization: Basic YTpi', `X-API-Key: ${one}`]],
] as readonly (readonly [string, (one: string, other: string) => string[]])[])(
  '%s are ambiguous: never the first that works',
  async (_, fields) => {
    for (const [one, other] of [
      [attacked.acme.key, attacked.globex.key],
      [attacked.globex.key, attacked.acme.key],
    ] as const) {
      attacked.forget();
      const answer = await attacked.gateway.raw(requestOf('GET /api/x', fields(one, other)));
      await attacked.expectRefused(answer, 400, 'credential_ambiguous');
    }
  },
);

describe('H14 a tenant that is no tenant id', () => {
  it.each([
    ['a list', 'acme,globex'],
    ['a path', '../acme'],
    ['10 kB', 'a'.repeat(10_240)],
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['capitals', 'ACME'],
    ['an encoded line end', 'acme%0d%0aX-User: root'],
    ['a space', 'acme globex'],
    ['nothing', ''],
    ['a byte outside ASCII', '\xe1cme'],
  ])('in a field (%s) selects nothing', async (_, value) => {
    const answer = await attacked.gateway.raw(requestOf('GET /f/x', [keyField(), `X-Company: ${value}`]));
    await attacked.expectRefused(answer, 403, 'tenant_mismatch');
  });

  it.each([
    ['a list', 'acme,globex'],
    ['__proto__', '__proto__'],
    ['10 characters over the longest', 'a'.repeat(73)],
    ['capitals', 'ACME'],
    ['a colon', 'acme:globex'],
    ['an encoded letter of another tenant', 'glob%65x'],
    ['an encoded comma', 'acme%2cglobex'],
  ])('in the path (%s) selects nothing', async (_, segment) => {
    const answer = await attacked.gateway.raw(requestOf(`GET /t/${segment}/x`, [keyField()]));
    await attacked.expectRefused(answer, 403, 'tenant_mismatch');
  });

  it('with a line end in a field is no HTTP', async () => {
    const answer = await attacked.gateway.raw(
      requestOf('GET /f/x', [keyField(), 'X-Company: acme\rX-User: root']),
    );
    await attacked.expectRefused(answer, 400, 'request_malformed');
  });

  it('in the name of a host selects nothing', async () => {
    const answer = await attacked.gateway.raw(requestOf('GET /api/x', [keyField()], '__proto__.api.gw.test'));
    await attacked.expectRefused(answer, 404, 'tenant_not_found');
  });
});
