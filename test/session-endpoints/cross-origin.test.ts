import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { onBothStores } from '../sessions/scene.ts';
import { ask, type CallOptions, loggedIn, SESSION_COOKIE } from './browser.ts';
import { APP_ORIGIN, type BrowserScene, openBrowserScene } from './browser-scene.ts';

onBothStores((store) => {
  let scene: BrowserScene;
  beforeEach(async () => {
    scene = await openBrowserScene(store());
  });
  afterEach(() => scene.close());

  const preflight = (origin: string | undefined, options: CallOptions['fields'] = {}) =>
    ask(scene, 'OPTIONS', '/session', {
      fields: { origin, 'access-control-request-method': 'DELETE', ...options },
    });

  describe('pages of other origins', () => {
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
