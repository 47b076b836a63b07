import { describe, expect, it } from 'vitest';
import { ANNA } from './replica.ts';
import { type Answered, type CallOptions, onBothStores, tokenOf, verdict } from './scene.ts';
import { createUserCalls, IN_ACME } from './user-calls.ts';

onBothStores((scene) => {
  const { ask, logIn, sessionOf } = createUserCalls(scene);

  describe('the password grant', () => {
    it('gives a user of the upstream an access token and a refresh token', async () => {
      const answer = await logIn();
      expect(answer.json).toEqual({
        access_token: expect.stringMatching(/^gha_[0-9A-Za-z]{43}$/),
        token_type: 'Bearer',
        expires_in: 600,
        refresh_token: expect.stringMatching(/^ghr_/),
        scope: 'orders:read orders:write',
      });
      const { principal } = await sessionOf(answer);
      expect(principal).toMatchObject({
        kind: 'user',
        userId: '17',
        subject: 'user:legacy:acme:17',
        client: 'client:old',
        tenants: ['acme'],
        profile: { name: 'Anna Ackermann' },
        method: 'token',
        session: { kind: 'token', isCookie: false },
      });
      expect([...principal.roles]).toEqual(['clerk']);
      // The upstream's own session is kept, and never told.
      expect(principal.session?.jar.cookies).toHaveLength(2);
      for (const { value } of principal.session?.jar.cookies ?? []) {
        expect(answer.raw.body.toString()).not.toContain(value);
        expect(scene().log()).not.toContain(value);
      }
    });

    it('gives a public client the same, and one that lists no refresh_token a session as short as its token', async () => {
      const phone = await ask({ ...IN_ACME, client_id: 'phone' });
      expect(phone.json['refresh_token']).toEqual(expect.stringMatching(/^ghr_/));
      const brief = await logIn({ as: 'brief' });
      expect(brief.json).not.toHaveProperty('refresh_token');
      const { id } = await sessionOf(brief);
      scene().now += 600_000;
      expect(await verdict(scene(), tokenOf(brief))).toBe('credential_expired');
      expect(await scene().first.sessions.find(id, scene().now)).toBeUndefined();
    });

    it('checks the password in the database of the tenant that was named', async () => {
      const globex = { ...ANNA, password: 'globex-anna-pw' };
      expect((await ask({ ...globex, tenant: 'globex' }, { as: 'old' })).status).toBe(200);
      expect((await ask(globex, { as: 'old', hostTenant: 'globex' })).status).toBe(200);
      const wrong = await ask({ ...globex, tenant: 'acme' }, { as: 'old' });
      expect([wrong.status, wrong.json['error']]).toEqual([400, 'invalid_grant']);
    });

    it('O25, S02: answers alike for a wrong password, an unknown user, and tenants that are not the right one', async () => {
      const cases: readonly (readonly [Record<string, string>, CallOptions])[] = [
        [{ ...IN_ACME, password: 'wrong' }, { as: 'old' }],
        [{ ...IN_ACME, username: 'nobody' }, { as: 'old' }],
        [{ ...ANNA, tenant: 'initech' }, { as: 'old' }],
        [IN_ACME, { as: 'old', hostTenant: 'globex' }],
        [{ ...ANNA, tenant: 'globex' }, { as: 'bound' }],
        [ANNA, { as: 'bound', hostTenant: 'globex' }],
      ];
      const answers = await Promise.all(cases.map(([parameters, options]) => ask(parameters, options)));
      for (const { status, raw } of answers) {
        expect(status).toBe(400);
        expect(raw.body).toBe(answers[0]?.raw.body);
        expect(raw.fields).toEqual(answers[0]?.raw.fields);
      }
      expect(answers[0]?.json['error']).toBe('invalid_grant');
      // Only the first two got as far as the upstream.
      expect(scene().logins()).toBe(2);
    });

    it('lets only that select the tenant which the login block lists, and compares the rest', async () => {
      const byHost = await scene().reopen({ loginTenant: ['host'] });
      const named = await ask(IN_ACME, { as: 'old', on: byHost });
      expect([named.status, named.json['error']]).toEqual([400, 'invalid_request']);
      expect((await ask(IN_ACME, { as: 'old', on: byHost, hostTenant: 'acme' })).status).toBe(200);
      const other = await ask(IN_ACME, { as: 'old', on: byHost, hostTenant: 'globex' });
      expect(other.json['error']).toBe('invalid_grant');
      expect((await ask(ANNA, { as: 'bound', on: byHost })).status).toBe(200);
    });

    it('O14: throttles failed logins of a user, in all replicas together, with Retry-After', async () => {
      const wrong = { ...IN_ACME, password: 'wrong' };
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, at) =>
          ask(wrong, { as: 'old', on: scene().replica(at), peer: `198.51.100.${at}` }),
        ),
      );
      expect(answers.filter(({ status }) => status === 400)).toHaveLength(10);
      const throttled = answers.filter(({ status }) => status === 429);
      expect(throttled).toHaveLength(40);
      expect(Number(throttled[0]?.field('retry-after'))).toBeGreaterThan(0);
      expect(scene().logins()).toBe(10);
      expect((await logIn()).status).toBe(429);
    });

    it('says 503 with Retry-After, and never "wrong password", while the upstream is down', async () => {
      await scene().stopUpstream();
      const answer = await logIn();
      expect([answer.status, answer.json['error']]).toEqual([503, 'temporarily_unavailable']);
      expect(Number(answer.field('retry-after'))).toBeGreaterThan(0);
      expect(answer.raw.record).toMatchObject({ decision: 'failed', code: 'login_unavailable' });
    });

    it('ends the oldest session of a user beyond the limit', async () => {
      const few = await scene().reopen({ sessions: { perUser: 2 } });
      const answers: Answered[] = [];
      for (let count = 0; count < 3; count += 1) {
        answers.push(await logIn({ as: 'old', on: few }));
        scene().now += 10;
      }
      const verdicts = await Promise.all(answers.map((answer) => verdict(scene(), tokenOf(answer))));
      expect(verdicts).toEqual(['credential_revoked', 'accepted', 'accepted']);
    });

    it.each([
      [{ grant_type: 'password', username: 'anna' }],
      [{ grant_type: 'password', password: 'x' }],
      [{ grant_type: 'password', username: '', password: '' }],
    ])('%j is no request', async (parameters) => {
      const answer = await ask(parameters, { as: 'bound' });
      expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_request']);
    });
  });
});
