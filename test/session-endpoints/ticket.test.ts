import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MINUTE } from '../contract/fixtures.ts';
import { onBothStores } from '../sessions/scene.ts';
import { ask, idOf, loggedIn } from './browser.ts';
import { type BrowserScene, openBrowserScene } from './browser-scene.ts';

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

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
});
