import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { aClient, MINUTE } from '../contract/fixtures.ts';
import { onBothStores } from '../sessions/scene.ts';
import { eventually } from '../support/authentication.ts';
import {
  ANNA,
  ask,
  type Browser,
  type CallOptions,
  cookieOf,
  idOf,
  loggedIn,
  OWN_PAGE,
  SESSION_COOKIE,
  show,
} from './browser.ts';
import { type BrowserScene, openBrowserScene } from './browser-scene.ts';

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

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
        const answer = await show(scene, cookie, { host });
        expect([answer.status, answer.json['code']]).toEqual([403, 'tenant_mismatch']);
        expect(answer.record.reason).toMatch(/another host$/);
      }
    });

    test('C08: a cookie with any one character changed, added or taken away is nobody', async () => {
      const cookie = cookieOf(await loggedIn(scene));
      const other = cookieOf(await loggedIn(scene, { username: 'bert', password: 'acme-bert-pw' }));
      const crossed = [cookie.slice(0, 20) + other.slice(20), other.slice(0, 20) + cookie.slice(20)];
      for (const tampered of crossed) expect((await show(scene, tampered)).status).toBe(401);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(cookie.length - 1),
          fc.constantFrom('0', 'Z', 'z', '_', '', 'aa', '%00', '"', '.'),
          async (at, text) => {
            const tampered = cookie.slice(0, at) + text + cookie.slice(at + 1);
            fc.pre(tampered !== cookie);
            expect((await show(scene, tampered)).json['code']).toBe('credential_invalid');
          },
        ),
        { numRuns: 60 },
      );
    });
  });

  test('nothing is said of a session while what was taken back is not known for sure', async () => {
    const browser = await loggedIn(scene, { remember: true });
    const behind = await openBrowserScene(store(), -1);
    try {
      const [cookie, rememberMe] = ['/session', '/session/refresh'].map((path) => browser.cookieFor(path));
      const fields = { ...OWN_PAGE, cookie };
      const unsure = [
        ask(behind, 'POST', '/session', { fields: OWN_PAGE, body: ANNA }),
        ask(behind, 'GET', '/session', { fields }),
        ask(behind, 'POST', '/session/ticket', { fields }),
        ask(behind, 'POST', '/session/refresh', {
          fields: { ...OWN_PAGE, cookie: rememberMe?.split('; ')[1] },
        }),
      ];
      for (const answer of unsure) await expect(answer).rejects.toMatchObject({ code: 'store_unavailable' });
      expect(behind.legacyReceived()).toEqual([]);
    } finally {
      await behind.close();
    }
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

    test('a client that is gone, or may have no browser sessions any more', async () => {
      const kiosk = aClient('kiosk', {
        isPublic: true,
        secrets: [],
        browserSession: true,
        login: 'team',
        tenants: 'any',
      });
      await scene.stores.clients.create(kiosk);
      let browser: Browser | undefined;
      await eventually(async () => {
        browser = await loggedIn(scene, { client_id: 'kiosk', remember: true }).catch(() => undefined);
        return browser !== undefined;
      }, 'a login by the new client');
      const code = async () => (await browser?.ask('GET', '/session'))?.json['code'];
      await scene.stores.clients.replace({ ...kiosk, browserSession: false, revision: 2 }, 1);
      await eventually(async () => (await code()) === 'credential_revoked', 'the change');
      await scene.stores.clients.remove(kiosk.id);
      expect(await code()).toBe('credential_revoked');
      browser?.restart();
      expect((await browser?.ask('POST', '/session/refresh'))?.json['code']).toBe('credential_revoked');
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
});
