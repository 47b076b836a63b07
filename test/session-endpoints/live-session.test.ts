import { hash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseSessionId } from '../../src/sessions/session.ts';
import { MINUTE } from '../contract/fixtures.ts';
import { HOUR } from '../sessions/rotation-options.ts';
import { onBothStores } from '../sessions/scene.ts';
import { eventually } from '../support/authentication.ts';
import {
  APP_ORIGIN,
  ask,
  type Browser,
  type BrowserScene,
  type CallOptions,
  loggedIn,
  OWN_PAGE,
  openBrowserScene,
  REMEMBER_COOKIE,
  SESSION_COOKIE,
} from './browser-scene.ts';

function cookieOf(browser: Browser): string {
  return browser.cookies.get(SESSION_COOKIE)?.value ?? '';
}

function idOf(browser: Browser) {
  const id = parseSessionId(cookieOf(browser).slice(4, 20));
  if (id === undefined) throw new Error('no session cookie');
  return id;
}

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

  const show = (cookie: string, options: CallOptions = {}) =>
    ask(scene, 'GET', '/session', {
      ...options,
      fields: { cookie: `${SESSION_COOKIE}=${cookie}`, ...options.fields },
    });

  describe('GET /session', () => {
    test('tells how long the session lives, and extends nothing', async () => {
      const browser = await loggedIn(scene);
      scene.travel(10 * MINUTE + 1);
      for (let count = 0; count < 3; count += 1) {
        const answer = await browser.ask('GET', '/session');
        expect(answer.json).toMatchObject({ expires_in: 1199, absolute_expires_in: 42_599 });
        expect(answer.setCookies).toEqual([]);
        expect(answer.all('cache-control')).toEqual(['no-store']);
      }
    });

    test('without a session is 401, and says nothing about anybody', async () => {
      const answer = await ask(scene, 'GET', '/session');
      expect(answer.json).toEqual({
        type: 'urn:gatehouse:problem:credential_missing',
        title: 'Authentication required',
        status: 401,
        code: 'credential_missing',
        decisionId: 'decision',
      });
      expect(answer.all('content-type')).toEqual(['application/problem+json']);
      expect(answer.all('cache-control')).toEqual(['no-store']);
    });

    test('C06: ends with the idle time, to the millisecond', async () => {
      const browser = await loggedIn(scene);
      scene.travel(30 * MINUTE - 1);
      expect((await browser.ask('GET', '/session')).status).toBe(200);
      scene.travel(1);
      expect((await browser.ask('GET', '/session')).json['code']).toBe('credential_expired');
    });

    test('two cookies of our name are ambiguous, and so are two Cookie fields', async () => {
      const cookie = `${SESSION_COOKIE}=${cookieOf(await loggedIn(scene))}`;
      for (const field of [`${cookie}; ${cookie}`, [cookie, cookie], [cookie, 'a=b']]) {
        const answer = await ask(scene, 'GET', '/session', { fields: { cookie: field } });
        expect([answer.status, answer.json['code']]).toEqual([400, 'credential_ambiguous']);
      }
    });

    test('C07: a cookie of one host is worth nothing on another', async () => {
      const onAcme = cookieOf(await loggedIn(scene, {}, 'acme.gw.test'));
      const onShared = cookieOf(await loggedIn(scene));
      for (const [cookie, host] of [
        [onAcme, 'globex.gw.test'],
        [onAcme, 'gw.test'],
        [onShared, 'globex.gw.test'],
        [onShared, 'acme.gw.test'],
      ] as const) {
        const answer = await show(cookie, { host });
        expect([answer.status, answer.json['code']]).toEqual([401, 'credential_invalid']);
        expect(answer.record.reason).toMatch(/another host$/);
      }
    });

    test('C08: a cookie with any one character changed, added or taken away is nobody', async () => {
      const cookie = cookieOf(await loggedIn(scene));
      const other = cookieOf(await loggedIn(scene, { username: 'bert', password: 'acme-bert-pw' }));
      const crossed = [cookie.slice(0, 20) + other.slice(20), other.slice(0, 20) + cookie.slice(20)];
      for (const tampered of crossed) expect((await show(tampered)).status).toBe(401);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(cookie.length - 1),
          fc.constantFrom('0', 'Z', 'z', '_', '', 'aa', '%00', '"', '.'),
          async (at, text) => {
            const tampered = cookie.slice(0, at) + text + cookie.slice(at + 1);
            fc.pre(tampered !== cookie);
            expect((await show(tampered)).json['code']).toBe('credential_invalid');
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  describe('O23: what was taken back stops at the next use', () => {
    test('a session', async () => {
      const browser = await loggedIn(scene);
      await scene.revoke({ kind: 'session', id: idOf(browser) });
      expect((await browser.ask('GET', '/session')).json['code']).toBe('credential_revoked');
    });

    test('a user', async () => {
      const browser = await loggedIn(scene);
      await scene.revoke({ kind: 'subject', subject: 'user:team:17' });
      expect((await browser.ask('POST', '/session/refresh')).json['code']).toBe('credential_revoked');
      expect((await browser.ask('POST', '/session/ticket')).json['code']).toBe('credential_revoked');
    });

    test('a client', async () => {
      const browser = await loggedIn(scene);
      await scene.revoke({ kind: 'client', client: 'client:web' });
      expect((await browser.ask('GET', '/session')).json['code']).toBe('credential_revoked');
    });

    test('a suspended tenant', async () => {
      const browser = await loggedIn(scene);
      await scene.suspend('acme');
      expect((await browser.ask('GET', '/session')).json['code']).toBe('tenant_suspended');
      expect((await browser.ask('POST', '/session/refresh')).json['code']).toBe('tenant_suspended');
    });
  });

  describe('POST /session/refresh', () => {
    test('gives the session a new life and leaves its cookie as it is', async () => {
      const browser = await loggedIn(scene);
      scene.travel(29 * MINUTE);
      const answer = await browser.ask('POST', '/session/refresh');
      expect(answer.json).toMatchObject({ expires_in: 1800, absolute_expires_in: 12 * 3600 - 29 * 60 });
      expect(answer.setCookies).toEqual([]);
      scene.travel(29 * MINUTE);
      expect((await browser.ask('GET', '/session')).status).toBe(200);
    });

    test('C06: goes on until the absolute end, and not a moment longer', async () => {
      const browser = await loggedIn(scene);
      for (let minutes = 0; minutes < 12 * 60 - 20; minutes += 20) {
        scene.travel(20 * MINUTE);
        expect((await browser.ask('POST', '/session/refresh')).status).toBe(200);
      }
      expect((await browser.ask('GET', '/session')).json).toMatchObject({
        expires_in: 1200,
        absolute_expires_in: 1200,
      });
      scene.travel(20 * MINUTE);
      expect((await browser.ask('POST', '/session/refresh')).json['code']).toBe('credential_expired');
    });

    test('without any cookie is 401', async () => {
      const answer = await ask(scene, 'POST', '/session/refresh', { fields: OWN_PAGE });
      expect(answer.json['code']).toBe('credential_missing');
    });
  });

  describe('C05: with a cookie that the browser sends by itself, no page elsewhere', () => {
    const cases: readonly (readonly [string, Required<CallOptions>['fields']])[] = [
      ['posts a form', { 'gatehouse-csrf': undefined, 'sec-fetch-site': 'cross-site' }],
      ['posts without saying where it is from', { 'sec-fetch-site': undefined }],
      ['sets the field', { 'sec-fetch-site': 'cross-site', origin: 'https://evil.test' }],
      ["is another client's", { 'sec-fetch-site': 'cross-site', origin: 'https://kept.acme.test' }],
    ];
    test.each(cases)('%s', async (_, fields) => {
      const browser = await loggedIn(scene);
      const calls = [
        browser.ask('POST', '/session/refresh', { fields }),
        browser.ask('POST', '/session/tenant', { fields, body: { tenant: 'globex' } }),
        browser.ask('POST', '/session/ticket', { fields }),
        browser.ask('DELETE', '/session', { fields }),
      ];
      for (const answer of await Promise.all(calls)) {
        expect([answer.status, answer.json['code']]).toEqual([403, 'csrf_rejected']);
        expect(answer.all('access-control-allow-origin')).toEqual([]);
      }
      expect((await browser.ask('GET', '/session')).status).toBe(200);
    });
  });

  describe('POST /session/tenant', () => {
    test('gives the login a new id for another of its tenants, and ends the old session', async () => {
      const browser = await loggedIn(scene, { remember: true });
      const before = cookieOf(browser);
      const answer = await browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      expect(answer.json).toMatchObject({ tenant: 'globex', tenants: ['acme', 'globex'], remembered: true });
      expect(cookieOf(browser).slice(0, 20)).not.toBe(before.slice(0, 20));
      expect((await show(before)).json['code']).toBe('credential_invalid');
      expect((await browser.ask('GET', '/session')).json['tenant']).toBe('globex');
      expect(answer.record.reason).toMatch(/^switched from acme, session \w{16} in place of \w{16}$/);
      browser.restart();
      expect((await browser.ask('POST', '/session/refresh')).json['tenant']).toBe('globex');
    });

    test('prolongs nothing', async () => {
      const browser = await loggedIn(scene);
      scene.travel(10 * MINUTE);
      const answer = await browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      expect(answer.json).toMatchObject({ absolute_expires_in: 12 * 3600 - 600 });
    });

    test('of a session with kept cookies of the upstream asks for a new login, and leaves the session', async () => {
      const browser = await loggedIn(scene, { client_id: 'kept' });
      const answer = await browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      expect([answer.status, answer.json['code']]).toEqual([409, 'reauthentication_required']);
      expect((await browser.ask('GET', '/session')).json['tenant']).toBe('acme');
    });

    test('by a request to the upstream takes what that gave', async () => {
      const browser = await loggedIn(scene, { client_id: 'switching' });
      const answer = await browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      expect(answer.json['tenant']).toBe('globex');
      expect(scene.legacyReceived().at(-1)).toBe('GET /api/me');
    });

    test('by a request that may or may not have arrived ends the session, whose cookies could now be those of either', async () => {
      const browser = await loggedIn(scene, { client_id: 'switching' });
      await scene.stopLegacy();
      const switching = browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      await expect(switching).rejects.toMatchObject({ code: 'login_unavailable' });
      expect((await browser.ask('GET', '/session')).json['code']).toBe('credential_invalid');
    });

    const refusals: readonly (readonly [string, unknown, string, string])[] = [
      ['to a tenant of others', { tenant: 'initech' }, 'gw.test', 'tenant_mismatch'],
      ['to what is no tenant', { tenant: 'a b' }, 'gw.test', 'tenant_mismatch'],
      ['on a host of the old one', { tenant: 'globex' }, 'acme.gw.test', 'tenant_mismatch'],
      ['without saying to which', {}, 'gw.test', 'request_malformed'],
      ['with more to say', { tenant: 'globex', roles: [] }, 'gw.test', 'request_malformed'],
    ];
    test.each(refusals)('%s is refused', async (_, body, host, code) => {
      const browser = await loggedIn(scene, {}, host);
      const answer = await browser.ask('POST', '/session/tenant', { body });
      expect(answer.json['code']).toBe(code);
      expect((await browser.ask('GET', '/session')).json['tenant']).toBe('acme');
    });

    test('to a suspended tenant is refused', async () => {
      const browser = await loggedIn(scene);
      await scene.suspend('globex');
      const answer = await browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      expect([answer.status, answer.json['code']]).toEqual([403, 'tenant_suspended']);
    });

    test('50 tabs at once make one session of it, and leave no other', async () => {
      const browser = await loggedIn(scene);
      const cookie = browser.cookieFor('/session/tenant');
      const answers = await Promise.all(
        Array.from({ length: 50 }, () =>
          ask(scene, 'POST', '/session/tenant', {
            fields: { ...OWN_PAGE, cookie },
            body: { tenant: 'globex' },
          }),
        ),
      );
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(new Set(statuses)).toEqual(new Set([200, 401]));
      const left = await scene.sessions.list({ subject: 'user:team:17', limit: 100 });
      expect(left.map(({ tenant }) => tenant)).toEqual(['globex']);
    });
  });

  describe('POST /session/ticket', () => {
    test('stands in for the cookie once, for seconds, on this host', async () => {
      const browser = await loggedIn(scene);
      const answer = await browser.ask('POST', '/session/ticket');
      expect(answer.json['expires_in']).toBe(30);
      const ticket = String(answer.json['ticket']);
      expect(ticket).toMatch(/^ght_[0-9A-Za-z]{43}$/);
      const digest = hash('sha256', ticket);
      expect(await scene.stores.tokens.take(digest)).toMatchObject({
        kind: 'ticket',
        session: idOf(browser),
        host: 'gw.test',
        scopes: ['orders:read'],
        until: scene.now() + 30 * MINUTE,
        expiresAt: scene.now() + 30_000,
      });
      expect(await scene.stores.tokens.take(digest)).toBeUndefined();
      expect(JSON.stringify(answer.record)).not.toContain(ticket);
    });

    test('lives no longer than the session', async () => {
      const browser = await loggedIn(scene);
      scene.travel(30 * MINUTE - 5000);
      expect((await browser.ask('POST', '/session/ticket')).json['expires_in']).toBe(5);
    });

    test('takes no token of others, and not two credentials', async () => {
      const browser = await loggedIn(scene);
      const authorization = 'Bearer gha_no-token-of-ours';
      const both = await browser.ask('POST', '/session/ticket', { fields: { authorization } });
      expect([both.status, both.json['code']]).toEqual([400, 'credential_ambiguous']);
      const alone = await ask(scene, 'POST', '/session/ticket', { fields: { authorization } });
      expect([alone.status, alone.json['code']]).toEqual([401, 'credential_invalid']);
      expect(alone.all('www-authenticate')).toEqual(['Bearer realm="gatehouse", error="invalid_token"']);
    });
  });

  describe('DELETE /session', () => {
    test('C04: ends the session at once, deletes both cookies with the attributes they were set with, and tells the upstream', async () => {
      const browser = await loggedIn(scene, { client_id: 'kept', remember: true });
      const cookie = cookieOf(browser);
      const rememberMe = browser.cookies.get(REMEMBER_COOKIE)?.value ?? '';
      const answer = await browser.ask('DELETE', '/session');
      const gone = 'Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT';
      expect(answer.status).toBe(204);
      expect(answer.body).toBe('');
      expect(answer.setCookies).toEqual([
        `__Host-gatehouse=; Path=/; Secure; HttpOnly; SameSite=Lax; ${gone}`,
        `__Secure-gatehouse-remember=; Path=/session/refresh; Secure; HttpOnly; SameSite=Strict; ${gone}`,
      ]);
      expect(browser.cookies.size).toBe(0);
      expect((await show(cookie)).status).toBe(401);
      const refreshed = await ask(scene, 'POST', '/session/refresh', {
        fields: { ...OWN_PAGE, cookie: `${REMEMBER_COOKIE}=${rememberMe}` },
      });
      expect(refreshed.json['code']).toBe('credential_invalid');
      await eventually(() => scene.legacyReceived().includes('POST /api/logout'), 'the logout');
    });

    test('is done already where there is no session', async () => {
      const planted = `${SESSION_COOKIE}=ghs_nobody`;
      for (const cookie of [undefined, planted]) {
        const answer = await ask(scene, 'DELETE', '/session', { fields: { cookie } });
        expect(answer.status).toBe(204);
        expect(answer.setCookies).toHaveLength(2);
      }
    });

    test('also ends what is expired, revoked, or of a suspended tenant', async () => {
      const revoked = await loggedIn(scene);
      await scene.revoke({ kind: 'session', id: idOf(revoked) });
      const expired = await loggedIn(scene);
      await scene.suspend('acme');
      for (const browser of [revoked, expired]) {
        scene.travel(HOUR);
        const id = idOf(browser);
        expect((await browser.ask('DELETE', '/session')).status).toBe(204);
        expect(await scene.stores.sessions.find(id)).toBeUndefined();
      }
    });

    test('C07: is not for cookies of another host', async () => {
      const cookie = cookieOf(await loggedIn(scene));
      const fields = { ...OWN_PAGE, cookie: `${SESSION_COOKIE}=${cookie}` };
      const answer = await ask(scene, 'DELETE', '/session', { fields, host: 'acme.gw.test' });
      expect(answer.status).toBe(401);
      expect((await show(cookie)).status).toBe(200);
    });
  });

  describe('pages of other origins', () => {
    const preflight = (origin: string | undefined, options: CallOptions['fields'] = {}) =>
      ask(scene, 'OPTIONS', '/session', {
        fields: { origin, 'access-control-request-method': 'DELETE', ...options },
      });

    test('M03: learn what they may send, without any credential being looked at', async () => {
      const answer = await preflight(APP_ORIGIN, {
        cookie: `${SESSION_COOKIE}=a; ${SESSION_COOKIE}=b`,
        authorization: 'Bearer x',
      });
      expect(answer.status).toBe(204);
      expect(answer.fields).toEqual([
        'Vary',
        'Origin',
        'Access-Control-Allow-Origin',
        APP_ORIGIN,
        'Access-Control-Allow-Credentials',
        'true',
        'Access-Control-Allow-Methods',
        'GET, POST, DELETE, OPTIONS',
        'Access-Control-Allow-Headers',
        'Content-Type, Gatehouse-CSRF, Authorization',
        'Access-Control-Max-Age',
        '600',
      ]);
    });

    test.each(['null', 'https://evil.test', `${APP_ORIGIN}.evil.test`, 'http://app.acme.test'])(
      'M04: %s is never allowed, by no answer',
      async (origin) => {
        const browser = await loggedIn(scene);
        const answers = [
          await preflight(origin),
          await browser.ask('GET', '/session', { fields: { origin } }),
          await ask(scene, 'GET', '/session', { fields: { origin } }),
        ];
        for (const answer of answers) {
          expect(answer.fields.filter((field) => field.startsWith('Access-Control'))).toEqual([]);
          expect(answer.all('vary')).toEqual(['Origin']);
        }
      },
    );

    test('read the session of their own client only', async () => {
      const browser = await loggedIn(scene);
      const own = await browser.ask('GET', '/session', { fields: { origin: APP_ORIGIN } });
      const others = await browser.ask('GET', '/session', { fields: { origin: 'https://kept.acme.test' } });
      expect(own.all('access-control-allow-origin')).toEqual([APP_ORIGIN]);
      expect(others.all('access-control-allow-origin')).toEqual([]);
    });

    test('read that there is no session', async () => {
      const answer = await ask(scene, 'GET', '/session', { fields: { origin: APP_ORIGIN } });
      expect(answer.status).toBe(401);
      expect(answer.all('access-control-allow-origin')).toEqual([APP_ORIGIN]);
    });

    test('M02: OPTIONS that is no preflight is refused', async () => {
      const answer = await ask(scene, 'OPTIONS', '/session', { fields: { origin: APP_ORIGIN } });
      expect([answer.status, answer.json['code']]).toEqual([405, 'method_not_allowed']);
      expect(answer.all('allow')).toEqual(['GET, POST, DELETE, OPTIONS']);
    });
  });
});
