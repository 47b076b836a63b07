import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { onBothStores } from '../sessions/scene.ts';
import { ANNA, ask, type CallOptions, loggedIn, OWN_PAGE, openBrowser, SESSION_COOKIE } from './browser.ts';
import { APP_ORIGIN, type BrowserScene, openBrowserScene } from './browser-scene.ts';

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

  const logIn = (body: unknown, options: CallOptions = {}) =>
    ask(scene, 'POST', '/session', { fields: OWN_PAGE, body, ...options });

  test('a login tells the page everything about the session but what could be used', async () => {
    const answer = await logIn(ANNA);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      client_id: 'web',
      user: { id: '17', name: 'Anna Ackermann' },
      tenant: 'acme',
      tenants: ['acme', 'globex'],
      roles: ['clerk'],
      scopes: ['orders:read'],
      profile: {},
      authenticated_at: Math.floor(scene.now() / 1000),
      expires_in: 1800,
      absolute_expires_in: 43_200,
      remembered: false,
    });
    expect(answer.all('cache-control')).toEqual(['no-store']);
    expect(answer.record).toMatchObject({
      decision: 'admitted',
      reason: 'logged in',
      tenant: 'acme',
      principal: { subject: 'user:team:17' },
    });
  });

  test('C01: the cookie has every attribute that keeps it in, lives as long as the browser, and has no Domain', async () => {
    const [session = '', rememberMe = '', ...more] = (await logIn(ANNA)).setCookies;
    expect(session).toMatch(
      /^__Host-gatehouse=ghs_[0-9A-Z]{16}_[0-9A-Za-z]{32}; Path=\/; Secure; HttpOnly; SameSite=Lax$/,
    );
    expect(rememberMe).toMatch(/^__Secure-gatehouse-remember=; Path=\/session\/refresh; .*Max-Age=0/);
    expect(more).toEqual([]);
  });

  test('C01: the remember-me cookie comes only to whom asks, for the refresh endpoint only', async () => {
    const answer = await logIn({ ...ANNA, remember: true });
    expect(answer.json['remembered']).toBe(true);
    expect(answer.setCookies[1]).toMatch(
      /^__Secure-gatehouse-remember=ghm_[0-9A-Z]{16}_[0-9A-Za-z]{44}; Path=\/session\/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=2592000$/,
    );
    expect((await logIn({ ...ANNA, remember: false })).json['remembered']).toBe(false);
  });

  test('C03: a session that the browser had ends with the login, and an id that somebody planted is never taken over', async () => {
    const before = await loggedIn(scene);
    const old = before.cookies.get(SESSION_COOKIE)?.value ?? '';
    await before.ask('POST', '/session', { body: ANNA });
    const fresh = before.cookies.get(SESSION_COOKIE)?.value ?? '';
    expect(fresh.slice(0, 20)).not.toBe(old.slice(0, 20));
    const replayed = await ask(scene, 'GET', '/session', { fields: { cookie: `${SESSION_COOKIE}=${old}` } });
    expect(replayed.json['code']).toBe('credential_invalid');

    const planted = `ghs_ABCDEFGHJKMNPQRS_${'x'.repeat(32)}`;
    const answer = await logIn(ANNA, { fields: { ...OWN_PAGE, cookie: `${SESSION_COOKIE}=${planted}` } });
    expect(answer.setCookies[0]).not.toContain('ABCDEFGHJKMNPQRS');
  });

  test('C03: a wrong password ends no session', async () => {
    const browser = await loggedIn(scene);
    await browser.ask('POST', '/session', { body: { ...ANNA, password: 'wrong' } });
    expect((await browser.ask('GET', '/session')).status).toBe(200);
  });

  describe('C05: a login that a page elsewhere sends is refused before the upstream hears of it', () => {
    const cases: readonly (readonly [string, CallOptions['fields']])[] = [
      ['without the field', { 'gatehouse-csrf': undefined }],
      ['of another site', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }],
      ['of a sandboxed frame', { 'sec-fetch-site': 'cross-site', origin: 'null' }],
      ["of another client's page", { 'sec-fetch-site': 'cross-site', origin: 'https://kept.acme.test' }],
      ['of a host beside ours', { 'sec-fetch-site': 'same-site', origin: 'https://evil.gw.test' }],
      ['with two origins', { 'sec-fetch-site': undefined, origin: [APP_ORIGIN, 'https://evil.test'] }],
    ];
    test.each(cases)('%s', async (_, fields) => {
      const answer = await logIn(ANNA, { fields: { ...OWN_PAGE, ...fields } });
      expect(answer.json['code']).toBe('csrf_rejected');
      expect(answer.setCookies).toEqual([]);
      expect(scene.legacyReceived()).toEqual([]);
    });
  });

  test('a page of the client, on an origin that it lists, may log in and read the answer', async () => {
    const fields = { 'gatehouse-csrf': '1', 'sec-fetch-site': 'cross-site', origin: APP_ORIGIN };
    const answer = await logIn(ANNA, { fields });
    expect(answer.status).toBe(200);
    expect(answer.all('access-control-allow-origin')).toEqual([APP_ORIGIN]);
    expect(answer.all('access-control-allow-credentials')).toEqual(['true']);
    expect(answer.all('vary')).toEqual(['Origin']);
  });

  describe('what is no login in JSON is 400, whatever it would mean', () => {
    const cases: readonly (readonly [string, unknown, CallOptions['fields']])[] = [
      ['a form', 'username=anna', { 'content-type': 'application/x-www-form-urlencoded' }],
      ['C05: JSON that says it is text', JSON.stringify(ANNA), { 'content-type': 'text/plain' }],
      ['JSON without a type', JSON.stringify(ANNA), { 'content-type': undefined }],
      ['two types', JSON.stringify(ANNA), { 'content-type': ['application/json', 'text/plain'] }],
      ['another charset', JSON.stringify(ANNA), { 'content-type': 'application/json; charset=utf-16' }],
      ['a list', [ANNA], {}],
      ['half of it', '{"client_id":', {}],
      ['a member twice', '{"client_id":"web","username":"anna","password":"a","password":"b"}', {}],
      [
        'a member twice, in another spelling',
        '{"client_id":"web","username":"anna","password":"a","p\\u0061ssword":"b"}',
        {},
      ],
      ['an unknown member', { ...ANNA, admin: true }, {}],
      ['a member of every object', '{"__proto__":{},"client_id":"web","username":"anna","password":"a"}', {}],
      ['no password', { ...ANNA, password: undefined }, {}],
      ['an empty password', { ...ANNA, password: '' }, {}],
      ['a password that is a number', { ...ANNA, password: 1 }, {}],
      ['a tenant that is null', { ...ANNA, tenant: null }, {}],
      ['remember as a text', { ...ANNA, remember: 'yes' }, {}],
    ];
    test.each(cases)('%s', async (_, body, fields) => {
      const answer = await logIn(body, { fields: { ...OWN_PAGE, ...fields } });
      expect([answer.status, answer.json['code']]).toEqual([400, 'request_malformed']);
      expect(scene.legacyReceived()).toEqual([]);
    });
  });

  test('a wrong password, an unknown user, an unknown tenant and an unknown client get one answer', async () => {
    const bodies = [
      { ...ANNA, password: 'wrong' },
      { ...ANNA, username: 'nobody' },
      { ...ANNA, tenant: 'no-such-tenant' },
      { ...ANNA, tenant: 'NO TENANT ID' },
      { ...ANNA, client_id: 'no-such-client' },
      { ...ANNA, client_id: 'cli' },
    ];
    const answers = await Promise.all(bodies.map((body) => logIn(body)));
    const told = answers.map(({ status, body, fields }) => JSON.stringify({ status, body, fields }));
    expect(new Set(told).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, json: { code: 'credential_invalid' } });
    expect(answers.map(({ setCookies }) => setCookies)).toEqual(answers.map(() => []));
  });

  test('too many wrong passwords are answered 429 with when to try again, the right one too', async () => {
    for (let count = 0; count < 5; count += 1)
      expect((await logIn({ ...ANNA, password: `wrong${count}` })).status).toBe(401);
    const answer = await logIn(ANNA);
    expect([answer.status, answer.json['code']]).toEqual([429, 'too_many_failures']);
    expect(Number(answer.all('retry-after')[0])).toBeGreaterThan(0);
    expect(scene.legacyReceived()).toHaveLength(5);
  });

  test('an upstream that is down is an outage, never a wrong password', async () => {
    await scene.stopLegacy();
    await expect(logIn(ANNA)).rejects.toMatchObject({ code: 'login_unavailable' });
  });

  describe('the tenant of a login', () => {
    test('is that of the host', async () => {
      const answer = await logIn({ ...ANNA, tenant: undefined }, { host: 'acme.gw.test' });
      expect(answer.json['tenant']).toBe('acme');
    });

    test("is the client's only one", async () => {
      const answer = await logIn({ ...ANNA, client_id: 'acme-only', tenant: undefined });
      expect(answer.json['tenant']).toBe('acme');
      expect(answer.json['tenants']).toEqual(['acme']);
    });

    const refusals: readonly (readonly [string, Readonly<Record<string, unknown>>, string, string])[] = [
      ['may not be named by nobody', { tenant: undefined }, 'gw.test', 'tenant_unresolved'],
      ['may not be another than that of the host', {}, 'globex.gw.test', 'tenant_mismatch'],
      [
        'may not be one that the client has not',
        { client_id: 'acme-only', tenant: 'globex' },
        'gw.test',
        'tenant_mismatch',
      ],
      [
        'may not be of a host that the client has not',
        { client_id: 'acme-only', tenant: undefined },
        'globex.gw.test',
        'tenant_mismatch',
      ],
    ];
    test.each(refusals)('%s', async (_, body, host, code) => {
      const answer = await logIn({ ...ANNA, ...body }, { host });
      expect([answer.status, answer.json['code']]).toEqual([403, code]);
      expect(scene.legacyReceived()).toEqual([]);
    });

    test('may not be suspended', async () => {
      await scene.suspend('acme');
      const answer = await logIn(ANNA);
      expect([answer.status, answer.json['code']]).toEqual([403, 'tenant_suspended']);
      expect(scene.legacyReceived()).toEqual([]);
    });
  });

  test('no password and no credential is in any record', async () => {
    const answers = await Promise.all([logIn(ANNA), logIn({ ...ANNA, password: 'very-wrong' })]);
    const records = JSON.stringify(answers.map(({ record }) => record));
    expect(records).not.toMatch(/acme-anna-pw|very-wrong|ghs_|ghm_/);
    const browser = openBrowser(scene);
    expect(browser.cookies.size).toBe(0);
  });
});
