import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw, type RawAnswer } from '../support/raw-client.ts';

let gateway: TestGateway;
let port: number;
let key: string;

beforeAll(async () => {
  gateway = await startTestGateway({
    listen: {
      public: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      ops: '127.0.0.1:0',
      forwardAuth: { address: '127.0.0.1:0', peers: ['127.0.0.1/32'] },
    },
    tenants: { acme: { hosts: ['acme.gw.test'] }, globex: { hosts: ['globex.gw.test'] } },
    upstreams: {
      api: {
        targets: ['http://127.0.0.1:1'],
        identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}' }, assertion: {} },
      },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'api' },
      {
        id: 'observed',
        match: { path: '/api/observed' },
        accept: ['apiKey'],
        observe: { until: '2999-01-01' },
        upstream: 'api',
      },
      {
        id: 'orders',
        match: { path: '/api/orders/**', methods: ['GET'] },
        accept: ['apiKey'],
        upstream: 'api',
      },
      {
        id: 'admin',
        match: { path: '/api/admin' },
        accept: ['apiKey'],
        require: { scopes: ['admin'] },
        upstream: 'api',
      },
    ],
  });
  port = gateway.gateway.forwardAuthPort ?? 0;
  ({ key } = await gateway.issueKey('acme'));
});
afterAll(() => gateway.stop());

function ask(line: string, fields: readonly string[], host = 'auth.internal'): Promise<RawAnswer> {
  return exchangeRaw(
    port,
    [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', ''].join('\r\n'),
  );
}

interface Original {
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly fields?: readonly string[];
}

/** The same original, asked about in each dialect. */
const DIALECTS: Readonly<Record<string, (original: Original) => Promise<RawAnswer>>> = {
  nginx: ({ method = 'GET', target = '/', host = 'acme.gw.test', fields = [] }) =>
    ask('GET /authz/nginx', [
      `X-Original-URL: https://${host}${target}`,
      `X-Original-Method: ${method}`,
      ...fields,
    ]),
  forward: ({ method = 'GET', target = '/', host = 'acme.gw.test', fields = [] }) =>
    ask('GET /authz/forward', [
      `X-Forwarded-Method: ${method}`,
      `X-Forwarded-Uri: ${target}`,
      `X-Forwarded-Host: ${host}`,
      'X-Forwarded-Proto: https',
      ...fields,
    ]),
  envoy: ({ method = 'GET', target = '/', host = 'acme.gw.test', fields = [] }) =>
    ask(`${method} /authz/envoy${target}`, fields, host),
};

function credential(): readonly string[] {
  return [`X-API-Key: ${key}`];
}

describe.each(Object.entries(DIALECTS))('the dialect %s', (name, check) => {
  const refused = (status: number) => (name === 'nginx' && status !== 401 ? 403 : status);

  it('allows with 200, an empty body, and the identity', async () => {
    const answer = await check({ target: '/api/orders/1?a=%20', fields: credential() });
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe('');
    expect(answer.field('x-tenant-id')).toBe('acme');
    expect(answer.field('x-gatehouse-assertion')).toMatch(/^\S+\.\S+\.\S+$/);
  });

  it('says every field of identity, empty where it has no value, and takes the credentials out', async () => {
    for (const target of ['/status', '/api/orders/1']) {
      const answer = await check({ target, fields: [...credential(), 'Cookie: a=b', 'X-User-Id: root'] });
      expect(answer.status).toBe(200);
      expect(answer.field('x-user-id')).toBe('');
      expect(answer.field('cookie')).toBe('a=b');
      if (name === 'envoy')
        expect(answer.field('x-envoy-auth-headers-to-remove')).toBe(
          target === '/status'
            ? 'x-tenant-id,x-user-id,x-gatehouse-assertion,authorization,x-api-key'
            : 'x-user-id,authorization,x-api-key',
        );
      else expect([answer.field('authorization'), answer.field('x-api-key')]).toEqual(['', '']);
    }
  });

  it.each([
    ['without a credential', {}, 401, 'credential_missing'],
    ['with a wrong key', { fields: ['X-API-Key: wrong'] }, 401, 'credential_invalid'],
    ['of another tenant', { host: 'globex.gw.test', isKeyed: true }, 403, 'tenant_mismatch'],
    ['without the scope', { target: '/api/admin', isKeyed: true }, 403, 'insufficient_scope'],
    ['of another method', { method: 'DELETE', isKeyed: true }, 405, 'method_not_allowed'],
    ['of no route', { target: '/nowhere', isKeyed: true }, 404, 'route_not_found'],
    ['of an ambiguous path', { target: '/api/../orders', isKeyed: true }, 400, 'path_not_canonical'],
    [
      'with an alias of a field of ours',
      { fields: ['X_Tenant_Id: globex'], isKeyed: true },
      400,
      'request_malformed',
    ],
  ] as const)('refuses a request %s', async (_, original, status, code) => {
    const {
      isKeyed,
      fields = [],
      target = '/api/orders/1',
      ...rest
    } = original as Original & { isKeyed?: boolean };
    const answer = await check({
      ...rest,
      target,
      fields: [...fields, ...(isKeyed === true ? credential() : [])],
    });
    expect(answer.status).toBe(refused(status));
    expect(answer.field('x-tenant-id')).toBeUndefined();
    if (name === 'nginx') expect(answer.field('x-auth-status')).toBe(String(status));
    else expect(JSON.parse(answer.body.toString())).toMatchObject({ code });
    expect(answer.field('www-authenticate') !== undefined).toBe(status === 401);
    expect(await gateway.auditOf(answer)).toMatchObject({ code, decision: 'denied', status });
  });
});

describe('a route that only observes', () => {
  it('lets what would be refused pass as it came, says so, and still takes no alias of a field of ours', async () => {
    const check = DIALECTS['forward'];
    const target = '/api/observed';
    const passed = await check?.({ target, fields: ['X-API-Key: old', 'Cookie: a=b'] });
    expect(passed?.status).toBe(200);
    expect([passed?.field('x-api-key'), passed?.field('cookie'), passed?.field('x-tenant-id')]).toEqual([
      'old',
      'a=b',
      '',
    ]);
    expect(await gateway.audited(({ route }) => route === 'observed')).toMatchObject({
      decision: 'admitted',
    });
    expect(await gateway.audited(({ decision }) => decision === 'observed')).toMatchObject({
      route: 'observed',
      code: 'credential_invalid',
    });
    expect((await check?.({ target, fields: ['X_Tenant_Id: globex'] }))?.status).toBe(400);
  });
});

describe('a check request', () => {
  it.each([
    ['of nginx without the original URL', 'GET /authz/nginx', ['X-Original-Method: GET']],
    [
      'of nginx without the original method',
      'GET /authz/nginx',
      ['X-Original-URL: https://acme.gw.test/status'],
    ],
    [
      'of nginx that only says what a client may have said',
      'GET /authz/nginx',
      ['X-Forwarded-Uri: /status', 'X-Forwarded-Method: GET', 'X-Forwarded-Host: acme.gw.test'],
    ],
    [
      'with the original URL twice',
      'GET /authz/nginx',
      [
        'X-Original-Method: GET',
        'X-Original-URL: https://acme.gw.test/status',
        'X-Original-URL: https://acme.gw.test/status',
      ],
    ],
    [
      'with a relative original URL',
      'GET /authz/nginx',
      ['X-Original-Method: GET', 'X-Original-URL: /status'],
    ],
    [
      'without X-Forwarded-Uri',
      'GET /authz/forward',
      ['X-Forwarded-Method: GET', 'X-Forwarded-Host: acme.gw.test'],
    ],
    [
      'without X-Forwarded-Method',
      'GET /authz/forward',
      ['X-Forwarded-Uri: /status', 'X-Forwarded-Host: acme.gw.test'],
    ],
    [
      'without X-Forwarded-Host',
      'GET /authz/forward',
      ['X-Forwarded-Method: GET', 'X-Forwarded-Uri: /status'],
    ],
    [
      'with an address that is none',
      'GET /authz/forward',
      [
        'X-Forwarded-Method: GET',
        'X-Forwarded-Uri: /status',
        'X-Forwarded-Host: acme.gw.test',
        'X-Forwarded-For: here',
      ],
    ],
  ])('%s is refused, never guessed', async (_, line, fields) => {
    const answer = await ask(line, fields);
    expect([400, 403]).toContain(answer.status);
    expect(answer.field('x-tenant-id')).toBeUndefined();
  });

  it.each(['/', '/authz', '/authz/', '/authz/traefik', '/authz/envoyx', '/.well-known/jwks.json', '/status'])(
    'for %s has no dialect: 404',
    async (target) => {
      expect((await ask(`GET ${target}`, [`X-API-Key: ${key}`])).status).toBe(404);
    },
  );

  it('of a peer that is not on the list is 403, whatever it says', async () => {
    const strict = await startTestGateway({
      listen: {
        public: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        ops: '127.0.0.1:0',
        forwardAuth: { address: '127.0.0.1:0', peers: ['192.0.2.0/24'] },
      },
      upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
      routes: [{ id: 'status', match: { path: '/status' }, public: true, upstream: 'api' }],
    });
    try {
      const raw = 'GET /authz/envoy/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
      const answer = await exchangeRaw(strict.gateway.forwardAuthPort ?? 0, raw);
      expect(answer.status).toBe(403);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'peer_forbidden' });
    } finally {
      await strict.stop();
    }
  });
});
