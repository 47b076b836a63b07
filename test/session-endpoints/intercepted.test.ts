import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LegacyApi, startLegacyApi } from '../../demo/legacy-api/server.ts';
import { createFailureBudget } from '../../src/authentication/failure-budget.ts';
import { Secret } from '../../src/base/secret.ts';
import { configSchema } from '../../src/config/schema/config.ts';
import type { EndpointAnswer, EndpointCall } from '../../src/endpoints/endpoint.ts';
import { createRateBuckets } from '../../src/limits/rate-buckets.ts';
import { createInterceptedRoutes } from '../../src/session-endpoints/intercepted-login.ts';
import type { OpenSession } from '../../src/sessions/session-service.ts';
import { onBothStores, type SessionScene } from '../sessions/scene.ts';
import { issueKey } from '../support/api-keys.ts';
import { eventually, tenant } from '../support/authentication.ts';
import { openServices } from './services.ts';

const DAY = 86_400_000;

function readSettings(url: string, cookieName: string | undefined) {
  return configSchema((value) => ({ ok: true, value })).parse({
    tenants: {
      acme: { hosts: ['acme.gw.test'], credentials: { legacyKey: 'acme-legacy-4711' } },
      globex: { hosts: ['globex.gw.test'], credentials: { legacyKey: 'globex-legacy-0815' } },
    },
    login: {
      legacy: {
        upstream: 'orders',
        intercept: {
          route: 'POST /api/login',
          logout: 'POST /api/logout',
          legacyClient: true,
          cookieName,
          scopes: ['orders:read'],
        },
        tenant: ['host', 'body:/company', 'apiKey'],
        request: {
          path: '/api/login',
          json: { company: '{tenant.id}', user: '{username}', password: '{password}' },
          fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' },
        },
        success: { present: '/user/id' },
        user: { id: '/user/id', name: '/user/name', roles: '/user/roles' },
        keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
        sessionLost: { status: 401, probe: 'GET /api/me' },
      },
    },
    sessions: { failedLogins: { perUser: '3/h' } },
    upstreams: { orders: { targets: [url] } },
    routes: [{ id: 'all', match: { path: '/**' }, accept: ['session'], upstream: 'orders' }],
  });
}

interface PostOptions {
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: 'http' | 'https';
  readonly body?: unknown;
  /** A list is a repeated field. */
  readonly fields?: Readonly<Record<string, string | readonly string[]>>;
}

interface Answer extends EndpointAnswer {
  readonly setCookies: readonly string[];
  /** Value of the cookie that it sets; empty: it deletes it, or sets none. */
  readonly cookie: string;
}

async function open(scene: SessionScene, legacy: LegacyApi, cookieName?: string) {
  const settings = readSettings(legacy.url, cookieName);
  const services = await openServices(scene, settings);
  const { stores, tenants, revocations, authentication, logins } = services;
  const routes = createInterceptedRoutes({
    // Tests travel in time, which looks as if the store had been silent.
    settings: { ...settings, store: { maxLag: 1000 * DAY } },
    sessions: scene.service,
    logins,
    tenants,
    revocations,
    authentication,
    failureBudget: createFailureBudget({ count: 3, windowMilliseconds: 60_000 }, createRateBuckets()),
  });

  async function post(options: PostOptions = {}): Promise<Answer> {
    const { path = '/api/login', host = 'acme.gw.test', scheme = 'https', body } = options;
    const fields: NonNullable<PostOptions['fields']> = {
      'content-type': 'application/json',
      ...options.fields,
    };
    const valuesOf = (name: string) => [fields[name] ?? []].flat();
    const hostTenant = { 'acme.gw.test': 'acme', 'globex.gw.test': 'globex' }[host];
    const call: EndpointCall = {
      method: 'POST',
      path,
      query: '',
      host,
      scheme,
      origin: `${scheme}://${host}`,
      hostTenant: hostTenant === undefined ? undefined : tenant(hostTenant),
      peer: '192.0.2.7',
      field: (name) => valuesOf(name)[0],
      isRepeated: (name) => valuesOf(name).length > 1,
      forwardable: Object.entries(fields).flatMap(([name, value]) =>
        name === 'x-api-key' ? [] : [value].flat().flatMap((each) => [name, each]),
      ),
      body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? ANNA)),
      now: scene.clock,
      decisionId: 'decision',
    };
    const endpoint = routes.find((route) => route.path === path)?.endpoint;
    if (endpoint === undefined) throw new Error(`no endpoint ${path}`);
    const answer = await endpoint.answer(call);
    const setCookies = answer.fields.filter(
      (_, at) => at % 2 === 1 && answer.fields[at - 1] === 'Set-Cookie',
    );
    const [, cookie = ''] = /^[^=]+=([^;]*)/.exec(setCookies[0] ?? '') ?? [];
    return { ...answer, setCookies, cookie };
  }

  return {
    post,
    stores,
    routes,
    tenants,
    revocations,
    async find(cookie: string): Promise<OpenSession | undefined> {
      const opened = await scene.service.open(new Secret(cookie), scene.clock);
      return opened.ok ? opened.value : undefined;
    },
    close: () => services.close(),
  };
}

const ANNA = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };

/** Refusals are problems of our own; what the upstream says is its own. */
function codeOf({ body }: EndpointAnswer): unknown {
  return (JSON.parse(body.toString()) as { readonly code?: unknown }).code;
}

onBothStores((store) => {
  let legacy: LegacyApi;
  let scene: Awaited<ReturnType<typeof open>>;
  beforeEach(async () => {
    legacy = await startLegacyApi({ port: 0 });
    scene = await open(store(), legacy, 'auth');
  });
  afterEach(async () => {
    await scene.close();
    await legacy.close();
  });

  test('the answer of the upstream passes byte for byte, with our cookie in place of its own', async () => {
    const answer = await scene.post();
    const direct = await fetch(`${legacy.url}/api/login`, {
      method: 'POST',
      headers: { 'X-Api-Key': 'acme-legacy-4711' },
      body: JSON.stringify(ANNA),
    });
    expect(answer.status).toBe(200);
    expect(answer.body.toString()).toBe(await direct.text());
    expect(answer.fields).toEqual(expect.arrayContaining(['Cache-Control', 'no-store']));
    expect(answer.setCookies).toEqual([
      expect.stringMatching(
        /^auth=ghs_[0-9A-Z]{16}_[0-9A-Za-z]{32}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
      ),
    ]);
    expect(answer.record).toMatchObject({
      decision: 'admitted',
      code: 'admitted',
      tenant: 'acme',
      principal: { subject: 'user:legacy:acme:17' },
    });
  });

  test('the session has what the upstream said, and its cookies', async () => {
    const { cookie } = await scene.post({ fields: { 'user-agent': 'Old/1' } });
    const found = await scene.find(cookie);
    expect(found?.session).toMatchObject({
      kind: 'legacy',
      login: 'legacy',
      subject: 'user:legacy:acme:17',
      user: { id: '17', name: 'Anna Ackermann' },
      tenants: ['acme'],
      roles: ['clerk'],
      scopes: ['orders:read'],
      host: 'acme.gw.test',
      peer: '192.0.2.7',
      agent: 'Old/1',
    });
    expect(found?.session).not.toHaveProperty('client');
    expect(found?.jar.cookies.map(({ name }) => name)).toEqual(['ASP.NET_SessionId', 'auth']);
  });

  test('over plain HTTP the cookie is not Secure, or an old client would never send it', async () => {
    expect((await scene.post({ scheme: 'http' })).setCookies[0]).not.toContain('Secure');
  });

  test('without a name of its own the cookie has the name of every session', async () => {
    const other = await open(store(), legacy);
    expect((await other.post({ scheme: 'http' })).setCookies[0]).toMatch(/^__Host-gatehouse=ghs_.*; Secure;/);
    await other.close();
  });

  test('a key names the client and its scopes, and never reaches the upstream', async () => {
    const { id, key } = await issueKey(scene.stores.apiKeys, { scopes: ['orders:write'] });
    const { cookie } = await scene.post({
      host: 'gw.test',
      body: { ...ANNA, company: 'acme' },
      fields: { 'x-api-key': key },
    });
    expect((await scene.find(cookie))?.session).toMatchObject({
      client: `key:${id}`,
      scopes: ['orders:write'],
    });
    expect(JSON.stringify(legacy.received())).not.toContain(key);
  });

  test('S02: a wrong password and an unknown user get what the upstream says to both, and no cookie', async () => {
    const wrong = await scene.post({ body: { ...ANNA, password: 'wrong' } });
    const unknown = await scene.post({ body: { ...ANNA, user: 'nobody' } });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(wrong.body.toString()).toBe(unknown.body.toString());
    expect(wrong.body.toString()).toContain('4012');
    expect([...wrong.setCookies, ...unknown.setCookies]).toEqual([]);
    expect(wrong.record).toEqual({
      decision: 'denied',
      code: 'credential_invalid',
      reason: 'the login was answered 401',
      tenant: 'acme',
    });
  });

  test('O14: after too many wrong ones the upstream is not asked any more', async () => {
    for (let each = 0; each < 3; each += 1) await scene.post({ body: { ...ANNA, password: 'wrong' } });
    const answer = await scene.post();
    expect([answer.status, codeOf(answer)]).toEqual([429, 'too_many_failures']);
    expect(answer.fields).toEqual(expect.arrayContaining(['Retry-After', '1200']));
    expect(legacy.received()).toHaveLength(3);
  });

  test('an upstream that is down is an outage, never a wrong password', async () => {
    await legacy.close();
    await expect(scene.post()).rejects.toMatchObject({ name: 'Outage', code: 'login_unavailable' });
    legacy = await startLegacyApi({ port: 0 });
  });

  test('C03: a session that the client had is over, and the new one has another id', async () => {
    const first = await scene.post();
    const second = await scene.post({ fields: { cookie: `theme=dark; auth=${first.cookie}` } });
    expect(second.cookie).not.toBe(first.cookie);
    expect(await scene.find(first.cookie)).toBeUndefined();
    expect((await scene.find(second.cookie))?.session.subject).toBe('user:legacy:acme:17');
    const login = legacy.received().filter(({ target }) => target === '/api/login')[1];
    expect(login?.fields.filter(([name]) => name.toLowerCase() === 'cookie')).toEqual([
      ['Cookie', 'theme=dark'],
    ]);
  });

  test('C03: a planted cookie is never the one that is good afterwards', async () => {
    const planted = 'ghs_0123456789ABCDEF_0123456789abcdefghijklmnopqrstuv';
    const { cookie } = await scene.post({ fields: { cookie: `auth=${planted}` } });
    expect(cookie).not.toBe(planted);
    expect(await scene.find(planted)).toBeUndefined();
  });

  test('a wrong password ends no session', async () => {
    const { cookie } = await scene.post();
    await scene.post({ body: { ...ANNA, password: 'wrong' }, fields: { cookie: `auth=${cookie}` } });
    expect(await scene.find(cookie)).toBeDefined();
  });

  test.each<readonly [string, PostOptions, string]>([
    ['a page elsewhere', { fields: { origin: 'https://evil.test' } }, 'csrf_rejected'],
    ['a page without an origin', { fields: { origin: 'null' } }, 'csrf_rejected'],
    ['a page of a sibling', { fields: { 'sec-fetch-site': 'same-site' } }, 'csrf_rejected'],
    ['two origins', { fields: { origin: ['https://acme.gw.test', 'https://evil.test'] } }, 'csrf_rejected'],
    ['host and body that disagree', { body: { ...ANNA, company: 'globex' } }, 'tenant_mismatch'],
    ['no tenant at all', { host: 'gw.test', body: { user: 'anna', password: 'p' } }, 'tenant_unresolved'],
    [
      'a tenant that does not exist',
      { host: 'gw.test', body: { ...ANNA, company: 'nowhere' } },
      'credential_invalid',
    ],
    [
      'a tenant that could not exist',
      { host: 'gw.test', body: { ...ANNA, company: 'ACME ' } },
      'credential_invalid',
    ],
    [
      'a body that two parsers read differently',
      { body: '{"user":"anna","user":"bert","password":"p"}' },
      'credential_invalid',
    ],
    [
      'a form where JSON is expected',
      { fields: { 'content-type': 'application/x-www-form-urlencoded' } },
      'credential_invalid',
    ],
    ['no password', { body: { ...ANNA, password: '' } }, 'credential_invalid'],
    ['a wrong key', { fields: { 'x-api-key': 'ghk_wrong' } }, 'credential_invalid'],
    ['two keys', { fields: { 'x-api-key': ['a', 'b'] } }, 'credential_ambiguous'],
    [
      'a key in two places',
      { fields: { 'x-api-key': 'a', authorization: 'ApiKey a' } },
      'credential_ambiguous',
    ],
    ['two session cookies', { fields: { cookie: 'auth=a; auth=b' } }, 'credential_ambiguous'],
  ])('a login with %s is refused, and the upstream is not asked', async (_, options, code) => {
    const answer = await scene.post(options);
    expect(codeOf(answer)).toBe(code);
    expect(answer.record).toMatchObject({ decision: 'denied', code });
    expect(answer.record.reason).toBeTruthy();
    expect(answer.setCookies).toEqual([]);
    expect(legacy.received()).toEqual([]);
  });

  test('a page of our own may log in', async () => {
    const fields = { origin: 'https://acme.gw.test', 'sec-fetch-site': 'same-origin' };
    expect((await scene.post({ fields })).status).toBe(200);
  });

  test("a key of another tenant is a contradiction to the host's and the body's", async () => {
    const { key } = await issueKey(scene.stores.apiKeys, { tenant: tenant('globex') });
    expect(codeOf(await scene.post({ fields: { 'x-api-key': key } }))).toBe('tenant_mismatch');
    expect(codeOf(await scene.post({ host: 'gw.test', fields: { authorization: `ApiKey ${key}` } }))).toBe(
      'tenant_mismatch',
    );
    expect(legacy.received()).toEqual([]);
  });

  test('wrong keys are charged to the peer, as on any route', async () => {
    for (let each = 0; each < 3; each += 1) await scene.post({ fields: { 'x-api-key': 'ghk_wrong' } });
    expect(codeOf(await scene.post({ fields: { 'x-api-key': 'ghk_wrong' } }))).toBe('too_many_failures');
  });

  test('users of a suspended tenant do not get in', async () => {
    await scene.stores.tenants.setSuspension(tenant('acme'), true, store().clock);
    await eventually(() => scene.tenants.find(tenant('acme'))?.status === 'suspended', 'the suspension');
    expect(codeOf(await scene.post())).toBe('tenant_suspended');
    expect(legacy.received()).toEqual([]);
  });

  test('whoever is revoked does not get in with the right password, and no session stays', async () => {
    const before = scene.revocations.size;
    const target = { kind: 'subject', subject: 'user:legacy:acme:17' } as const;
    await scene.stores.revocations.add({ target, revokedAt: store().clock, revokedBy: 'test' });
    await eventually(() => scene.revocations.size > before, 'the revocation');
    const answer = await scene.post();
    expect([codeOf(answer), answer.setCookies]).toEqual(['credential_revoked', []]);
    expect(await store().service.list({ subject: target.subject, limit: 10 })).toEqual([]);
  });

  test('a logout ends both sessions, passes what the upstream says, and deletes the cookie as it was set', async () => {
    const { cookie } = await scene.post();
    const answer = await scene.post({ path: '/api/logout', body: '', fields: { cookie: `auth=${cookie}` } });
    expect([answer.status, answer.body.toString()]).toEqual([200, '{"Success":true}']);
    expect(answer.setCookies).toEqual([
      'auth=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    ]);
    expect(answer.record).toMatchObject({
      reason: 'logged out',
      principal: { subject: 'user:legacy:acme:17' },
    });
    expect(await scene.find(cookie)).toBeUndefined();
  });

  test('a logout ends our session also where the upstream is gone', async () => {
    const { cookie } = await scene.post();
    await legacy.close();
    const answer = await scene.post({ path: '/api/logout', body: '', fields: { cookie: `auth=${cookie}` } });
    expect([answer.status, answer.setCookies.length]).toEqual([204, 1]);
    expect(await scene.find(cookie)).toBeUndefined();
    legacy = await startLegacyApi({ port: 0 });
  });

  test('a logout without a session deletes the cookie, and asks nobody', async () => {
    for (const cookie of ['theme=dark', 'auth=ghs_wrong'])
      expect(await scene.post({ path: '/api/logout', body: '', fields: { cookie } })).toMatchObject({
        status: 204,
        cookie: '',
        record: { reason: 'no session' },
      });
    expect(legacy.received()).toEqual([]);
  });

  test.each<readonly [string, PostOptions, string]>([
    ['from a page elsewhere', { fields: { 'sec-fetch-site': 'cross-site' } }, 'csrf_rejected'],
    ['on another host', { host: 'globex.gw.test' }, 'credential_invalid'],
  ])('a logout %s ends nothing', async (_, options, code) => {
    const { cookie } = await scene.post();
    const fields = { cookie: `auth=${cookie}`, ...options.fields };
    expect(codeOf(await scene.post({ ...options, path: '/api/logout', body: '', fields }))).toBe(code);
    expect(await scene.find(cookie)).toBeDefined();
  });

  test('routes are as the upstream has them', () => {
    expect(
      scene.routes.map(({ method, path, endpoint }) => [method, path, endpoint.id, endpoint.methods]),
    ).toEqual([
      ['POST', '/api/login', 'login-legacy', ['POST']],
      ['POST', '/api/logout', 'logout-legacy', ['POST']],
    ]);
  });
});
