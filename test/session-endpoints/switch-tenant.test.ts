import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MINUTE } from '../contract/fixtures.ts';
import { onBothStores } from '../sessions/scene.ts';
import { ask, cookieOf, loggedIn, OWN_PAGE, show } from './browser.ts';
import { type BrowserScene, openBrowserScene } from './browser-scene.ts';

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

  describe('POST /session/tenant', () => {
    test('gives the login a new id for another of its tenants, and ends the old session', async () => {
      const browser = await loggedIn(scene, { remember: true });
      const before = cookieOf(browser);
      const answer = await browser.ask('POST', '/session/tenant', { body: { tenant: 'globex' } });
      expect(answer.json).toMatchObject({ tenant: 'globex', tenants: ['acme', 'globex'], remembered: true });
      expect(cookieOf(browser).slice(0, 20)).not.toBe(before.slice(0, 20));
      expect((await show(scene, before)).json['code']).toBe('credential_invalid');
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
});
