import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOUR } from '../sessions/rotation-options.ts';
import { onBothStores } from '../sessions/scene.ts';
import { eventually } from '../support/authentication.ts';
import { ask, cookieOf, idOf, loggedIn, OWN_PAGE, REMEMBER_COOKIE, SESSION_COOKIE, show } from './browser.ts';
import { type BrowserScene, openBrowserScene } from './browser-scene.ts';

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

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
      expect((await show(scene, cookie)).status).toBe(401);
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
      expect([answer.status, answer.json['code']]).toEqual([403, 'tenant_mismatch']);
      expect((await show(scene, cookie)).status).toBe(200);
    });
  });
});
