import { describe, expect, it } from 'vitest';
import { onBothStores, REMEMBER_COOKIE, SESSION_COOKIE } from '../support/attacked-users.ts';
import { eventually } from '../support/authentication.ts';
import { jsonAnswer, setCookies } from '../support/legacy-login.ts';
import { cookieOf, MEANT } from '../support/users-scene.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const UNKNOWN = 'credential_invalid: the session cookie is unknown';
/** Wide enough that something of each race falls between any two steps. */
const WIDTH = 50;
const ROUNDS = 20;

onBothStores((scene) => {
  const me = (cookie: string, options = {}) => scene.send('GET /api/me', { fields: [cookie], ...options });
  const setCookieOf = (answer: Awaited<ReturnType<typeof me>>) => answer.all('set-cookie');

  describe('C01 a cookie that a script, a plain connection or another host could get hold of', () => {
    it('is never set: the session cookie is __Host-, Secure, HttpOnly and SameSite, without Domain', async () => {
      const answer = await scene.logIn();
      await scene.expectAdmitted(answer, 200, ['POST /api/login']);
      const [session, remembered] = setCookieOf(answer);
      expect(session).toMatch(/^__Host-gatehouse=ghs_\w+; Path=\/; Secure; HttpOnly; SameSite=Lax$/);
      expect(remembered).toMatch(
        /^__Secure-gatehouse-remember=; Path=\/session\/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0/,
      );
      expect(answer.field('cache-control')).toBe('no-store');
      expect(answer.head).not.toMatch(/domain=/i);
    });

    it('is never set: the remember-me cookie is __Secure-, Strict, and sent to the path that trades it alone', async () => {
      const answer = await scene.logIn({ remember: true });
      await scene.expectAdmitted(answer, 200, ['POST /api/login']);
      expect(setCookieOf(answer)[1]).toMatch(
        /^__Secure-gatehouse-remember=ghm_\w+; Path=\/session\/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=2592000$/,
      );
    });
  });

  describe('C03 an attacker who knows the session id that a browser will log in with', () => {
    it('is left with nothing: the login has an id of its own, and the planted session is ended on all replicas', async () => {
      const planted = await scene.session({ username: 'bert', password: 'acme-bert-pw' });
      expect((await me(planted, { on: scene.last })).status).toBe(200);
      scene.forget();
      const login = await scene.logIn({}, { fields: [...MEANT, planted] });
      await scene.expectAdmitted(login, 200, ['POST /api/login']);
      const fresh = cookieOf(login, SESSION_COOKIE);
      expect(planted).not.toContain(fresh);
      await scene.expectRefused(await me(planted), '401 credential_invalid', UNKNOWN);
      await eventually(
        async () => (await me(planted, { on: scene.last })).status === 401,
        'the end everywhere',
      );
    });

    it.each([
      ['that was never given out', 'ghs_0123456789ABCDEF_00000000000000000000000000000000'],
      ['of the name of an object', '__proto__'],
      ['that is empty', ''],
    ])('makes up one %s, and the login does not take it over', async (_, value) => {
      const planted = `Cookie: ${SESSION_COOKIE}=${value}`;
      const login = await scene.logIn({}, { fields: [...MEANT, planted] });
      await scene.expectAdmitted(login, 200, ['POST /api/login']);
      expect(cookieOf(login, SESSION_COOKIE)).not.toBe(value);
    });

    it('logs in with an old client in a browser that has a session: that one ends too', async () => {
      const body = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };
      const first = cookieOf(await scene.send('POST /api/login', { body }), 'auth');
      const login = await scene.send('POST /api/login', { body, fields: [`Cookie: auth=${first}`] });
      await scene.expectAdmitted(login, 200, ['POST /api/login', 'POST /api/login']);
      await scene.expectRefused(await me(`Cookie: auth=${first}`), '401 credential_invalid', UNKNOWN);
    });

    it('races the switch of tenant: of 50 at once one gets a new id and all others learn nothing, 20 times', {
      timeout: 60_000,
    }, async () => {
      for (let round = 0; round < ROUNDS; round += 1) {
        const old = await scene.session(
          { client_id: 'team-app', tenant: 'acme' },
          { host: 'gw.test', fields: MEANT },
        );
        const answers = await Promise.all(
          Array.from({ length: WIDTH }, (_, at) =>
            scene.send('POST /session/tenant', {
              fields: [...MEANT, old],
              body: { tenant: 'globex' },
              host: 'gw.test',
              on: scene.gateways[at % scene.gateways.length],
            }),
          ),
        );
        const winners = answers.filter(({ status }) => status === 200);
        expect(winners).toHaveLength(1);
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]));
        expect(
          answers.filter((each) => each.status === 401 && each.field('set-cookie') !== undefined),
        ).toEqual([]);
        const [winner] = winners;
        const fresh = winner === undefined ? '' : cookieOf(winner, SESSION_COOKIE);
        expect((await me(`Cookie: ${SESSION_COOKIE}=${fresh}`, { host: 'gw.test' })).status).toBe(200);
        expect((await me(old, { host: 'gw.test' })).status).toBe(401);
      }
      await scene.expectAlive();
    });
  });

  describe('C04 a thief who has copied a session cookie before its owner logged out', () => {
    it('finds it dead on every replica, and the browser was told to delete it with the attributes it was set with', async () => {
      const cookie = await scene.session();
      for (const on of scene.gateways) expect((await me(cookie, { on })).status).toBe(200);
      scene.forget();
      const out = await scene.send('DELETE /session', { fields: [...MEANT, cookie] });
      await scene.expectAdmitted(out, 204);
      expect(setCookieOf(out)).toEqual([
        expect.stringMatching(
          /^__Host-gatehouse=; Path=\/; Secure; HttpOnly; SameSite=Lax; Max-Age=0; Expires=/,
        ),
        expect.stringMatching(
          /^__Secure-gatehouse-remember=; Path=\/session\/refresh; Secure; HttpOnly; SameSite=Strict; Max-Age=0; Expires=/,
        ),
      ]);
      await scene.expectRefused(await me(cookie), '401 credential_invalid', UNKNOWN);
      await eventually(
        async () => (await me(cookie, { on: scene.last })).status === 401,
        'the end everywhere',
      );
      for (const line of ['GET /session', 'POST /session/refresh', 'POST /session/ticket'])
        expect((await scene.send(line, { fields: [...MEANT, cookie], on: scene.last })).status).toBe(401);
    });

    it('has the remember-me cookie too, and finds that dead as well', async () => {
      const login = await scene.logIn({ remember: true });
      const remembered = `Cookie: ${REMEMBER_COOKIE}=${cookieOf(login, REMEMBER_COOKIE)}`;
      const cookie = `Cookie: ${SESSION_COOKIE}=${cookieOf(login, SESSION_COOKIE)}`;
      await scene.send('DELETE /session', { fields: [...MEANT, cookie] });
      scene.forget();
      const answer = await scene.send('POST /session/refresh', {
        fields: [...MEANT, remembered],
        on: scene.last,
      });
      await scene.expectRefused(
        answer,
        '401 credential_invalid',
        'credential_invalid: the remember-me cookie is unknown, or its session has ended',
      );
    });
  });

  describe('C06 a browser that is left open', () => {
    it('has no session after its time, and neither requests nor a look at it have extended that', async () => {
      const cookie = await scene.session();
      for (let minutes = 0; minutes < 29; minutes += 10) {
        expect((await me(cookie)).status).toBe(200);
        expect((await scene.send('GET /session', { fields: [cookie] })).status).toBe(200);
        await scene.travel(10 * MINUTE);
      }
      scene.forget();
      const answer = await me(cookie, { on: scene.last });
      await scene.expectRefused(
        answer,
        '401 credential_expired',
        /^credential_expired: session.\w{16} has expired$/,
      );
      const refresh = await scene.send('POST /session/refresh', { fields: [...MEANT, cookie] });
      await scene.expectRefused(refresh, '401 credential_expired', /has expired$/);
    });

    it('has no session after 2 hours, however often it was renewed', async () => {
      const cookie = await scene.session();
      for (let at = 0; at < 2 * HOUR - 25 * MINUTE; at += 25 * MINUTE) {
        await scene.travel(25 * MINUTE);
        expect((await scene.send('POST /session/refresh', { fields: [...MEANT, cookie] })).status).toBe(200);
      }
      await scene.travel(25 * MINUTE);
      scene.forget();
      await scene.expectRefused(await me(cookie), '401 credential_expired', /has expired$/);
    });

    it('of an old client slides, and ends after 2 hours all the same', { timeout: 20_000 }, async () => {
      const body = { company: 'acme', user: 'anna', password: 'acme-anna-pw' };
      const cookie = `Cookie: auth=${cookieOf(await scene.send('POST /api/login', { body }), 'auth')}`;
      for (let at = 0; at < 2 * HOUR - 25 * MINUTE; at += 25 * MINUTE) {
        await scene.travel(25 * MINUTE);
        // It has been extended behind the answer to the request before.
        await eventually(async () => (await me(cookie)).status === 200, 'a session that slides');
      }
      await scene.travel(25 * MINUTE);
      scene.forget();
      await scene.expectRefused(await me(cookie), '401 credential_expired', /has expired$/);
    });
  });

  describe('C07 a session of one tenant', () => {
    it.each(['globex.gw.test', 'other.test', 'gw.test'])('is worth nothing on %s', async (host) => {
      const cookie = await scene.session();
      scene.forget();
      await scene.expectRefused(await me(cookie, { host }), '403 tenant_mismatch', /^tenant_mismatch: /);
      for (const [line, body] of [
        ['GET /session', undefined],
        ['POST /session/refresh', undefined],
        ['POST /session/ticket', undefined],
        ['POST /session/tenant', { tenant: 'globex' }],
        ['DELETE /session', undefined],
      ] as const) {
        const answer = await scene.send(line, { fields: [...MEANT, cookie], host, body });
        await scene.expectRefused(answer, '403 tenant_mismatch', /was begun on another host$/);
      }
      expect((await me(cookie)).status).toBe(200);
    });

    it('cannot be switched to a tenant that its login has not proven, whatever the client may act for', async () => {
      const cookie = await scene.session(
        { client_id: 'team-app', tenant: 'globex', password: 'globex-anna-pw' },
        { host: 'gw.test', fields: MEANT },
      );
      scene.forget();
      for (const tenant of [
        'acme',
        '../acme',
        'acme,globex',
        '__proto__',
        'constructor',
        'x'.repeat(10_000),
      ]) {
        const answer = await scene.send('POST /session/tenant', {
          fields: [...MEANT, cookie],
          body: { tenant },
          host: 'gw.test',
        });
        await scene.expectRefused(answer, '403 tenant_mismatch', /is no member of the tenant named$/);
      }
    });

    it('that is switched leaves its jar behind, also what an answer sets that was under way', async () => {
      const login = await scene.logIn({ client_id: 'switching-app', tenant: 'acme' }, { host: 'gw.test' });
      const old = `Cookie: ${SESSION_COOKIE}=${cookieOf(login, SESSION_COOKIE)}`;
      await me(old, { host: 'gw.test' });
      const acmeCookies = scene.upstream.requests.at(-1)?.field('cookie') ?? '';
      expect(acmeCookies).toMatch(/ASP\.NET_SessionId=[0-9a-f]{24}; auth=/);
      let answerLate: ((text: string) => void) | undefined;
      scene.upstream.answers('GET /api/echo/late', (socket) => {
        answerLate = (text) => void socket.write(text, 'latin1');
      });
      const late = scene.send('GET /api/echo/late', { fields: [old], host: 'gw.test' });
      await scene.upstream.until(() => answerLate !== undefined);

      scene.upstream.answers('POST /api/switch', jsonAnswer(200, {}, setCookies()));
      const switched = await scene.send('POST /session/tenant', {
        fields: [...MEANT, old],
        body: { tenant: 'globex' },
        host: 'gw.test',
      });
      expect(switched.status).toBe(200);
      const fresh = `Cookie: ${SESSION_COOKIE}=${cookieOf(switched, SESSION_COOKIE)}`;
      answerLate?.(
        jsonAnswer(200, {}, [
          'Set-Cookie: auth=of-acme; path=/',
          'Set-Cookie: ASP.NET_SessionId=of-acme; path=/',
        ]),
      );
      expect((await late).status).toBe(200);
      scene.forget();
      const answer = await me(fresh, { host: 'gw.test', on: scene.last });
      await scene.expectAdmitted(answer, 200, ['GET /api/me']);
      const request = scene.upstream.requests.findLast(({ startLine }) =>
        startLine.startsWith('GET /api/me'),
      );
      expect(request?.field('x-tenant-id')).toBe('globex');
      expect(request?.field('cookie')).toMatch(/^ASP\.NET_SessionId=[0-9a-f]{24}; auth=[0-9a-f]{64}$/);
      expect(request?.field('cookie')).not.toBe(acmeCookies);
      await scene.expectRefused(await me(old, { host: 'gw.test' }), '401 credential_invalid', UNKNOWN);
    });
  });
});
