import { describe, expect, it } from 'vitest';
import type { RevocationTarget } from '../../src/revocation/revocation.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { eventually } from '../support/authentication.ts';
import {
  ANNA,
  type Answered,
  type CallOptions,
  clientSettings,
  onBothStores,
  post,
  tokenOf,
  verdict,
  verificationOf,
} from './scene.ts';

const DAY = 86_400_000;
const IN_ACME = { ...ANNA, tenant: 'acme' };

onBothStores((scene) => {
  const ask = (parameters: Record<string, string>, options: CallOptions = {}) =>
    post(scene(), '/oauth/token', parameters, options);
  const logIn = (options: CallOptions = { as: 'old' }) => ask(IN_ACME, options);
  const refresh = (from: Answered, options: CallOptions = { as: 'old' }, members = {}) =>
    ask({ grant_type: 'refresh_token', refresh_token: tokenOf(from, 'refresh_token'), ...members }, options);

  const revoke = (target: RevocationTarget) =>
    scene().first.stores.revocations.add({
      target,
      issuedBefore: scene().now,
      expiresAt: scene().now + DAY,
      revokedAt: scene().now,
      revokedBy: 'test',
    });

  async function sessionOf(answer: Answered) {
    const verification = await verificationOf(scene(), tokenOf(answer));
    if (verification?.kind !== 'accepted') throw new Error('not accepted');
    const { session } = verification.principal;
    if (session === undefined) throw new Error('no session');
    return { principal: verification.principal, id: session.id };
  }

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

  describe('the refresh_token grant', () => {
    it('O07: gives the next pair; the old token, used again, ends the family and its access tokens', async () => {
      const first = await logIn();
      const second = await refresh(first);
      expect(second.status).toBe(200);
      expect(tokenOf(second, 'refresh_token')).not.toBe(tokenOf(first, 'refresh_token'));
      scene().now += 10_001;
      const stolen = await refresh(first);
      expect([stolen.status, stolen.json['error']]).toEqual([400, 'invalid_grant']);
      expect(stolen.raw.record.reason).toContain('a second time');
      expect((await refresh(second)).json['error']).toBe('invalid_grant');
      expect(await verdict(scene(), tokenOf(second))).toBe('credential_revoked');
      expect(await verdict(scene(), tokenOf(first))).toBe('credential_revoked');
    });

    it('O07: of 50 at once all get one and the same answer, 20 times', { timeout: 60_000 }, async () => {
      let last = await logIn();
      for (let round = 0; round < 20; round += 1) {
        const racing = last;
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, at) => refresh(racing, { as: 'old', on: scene().replica(at) })),
        );
        expect(new Set(answers.map(({ raw }) => raw.body)).size).toBe(1);
        expect(answers.every(({ status }) => status === 200)).toBe(true);
        const [winner] = answers;
        if (winner === undefined) throw new Error('no answer');
        expect(await verdict(scene(), tokenOf(winner), scene().replica(round))).toBe('accepted');
        last = winner;
      }
    });

    it('O07: of 50 thieves with an old token none gets anything, and the family ends, 20 times', {
      timeout: 60_000,
    }, async () => {
      for (let round = 0; round < 20; round += 1) {
        const first = await logIn();
        const second = await refresh(first);
        scene().now += 10_001;
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, at) =>
            refresh(first, { as: 'old', on: scene().replica(at), peer: `198.51.${round}.${at}` }),
          ),
        );
        expect(answers.map(({ json }) => json['error'])).toEqual(Array(50).fill('invalid_grant'));
        expect(await verdict(scene(), tokenOf(second), scene().replica(round))).toBe('credential_revoked');
      }
    });

    it('O08: a lost answer can be fetched once more within 10 s, on any replica, while its successor is unused', async () => {
      const first = await logIn();
      const lost = await refresh(first, { as: 'old', on: scene().replica(0) });
      scene().now += 9_000;
      const again = await refresh(first, { as: 'old', on: scene().replica(1) });
      expect(again.raw.body).toBe(lost.raw.body);
      expect(await verdict(scene(), tokenOf(again))).toBe('accepted');
      expect((await refresh(again)).status).toBe(200);
      expect((await refresh(first)).json['error']).toBe('invalid_grant');
    });

    it('O08: nothing is lost and nothing doubled when the store fails between the access token and the rotation', async () => {
      const first = await logIn();
      const { sessions, endpoints, stores } = scene().first;
      expect(endpoints.has('/oauth/token')).toBe(true);
      const before = (await sessions.list({ limit: 10 })).length;
      const put = stores.tokens.put.bind(stores.tokens);
      // The process dies, as far as this call goes, right after its access token was stored.
      Object.assign(stores.tokens, {
        put: async (...of: Parameters<typeof put>) => {
          await put(...of);
          throw Object.assign(new Error('killed'), { name: 'Killed' });
        },
      });
      await expect(refresh(first)).rejects.toThrow('killed');
      Object.assign(stores.tokens, { put });
      const retried = await refresh(first);
      expect(retried.status).toBe(200);
      expect((await sessions.list({ limit: 10 })).length).toBe(before);
      expect((await refresh(retried)).status).toBe(200);
    });

    it('O10: a refresh token ends when it is idle for too long, and at its absolute end however often it was used', async () => {
      const idle = await logIn();
      scene().now += 14 * DAY;
      expect((await refresh(idle)).json['error']).toBe('invalid_grant');
      let sliding = await logIn();
      for (let day = 0; day < 80; day += 10) {
        scene().now += 10 * DAY;
        sliding = await refresh(sliding);
        expect(sliding.status).toBe(200);
      }
      // The last access token does not outlive the session.
      scene().now += 10 * DAY - 60_000;
      sliding = await refresh(sliding);
      expect(sliding.json['expires_in']).toBe(60);
      scene().now += 60_000;
      expect((await refresh(sliding)).json['error']).toBe('invalid_grant');
      expect(await verdict(scene(), tokenOf(sliding))).toBe('credential_expired');
    });

    it("narrows the scope for one access token, never beyond the login's", async () => {
      const first = await ask({ ...IN_ACME, scope: 'orders:read' }, { as: 'old' });
      expect((await refresh(first, { as: 'old' }, { scope: 'orders:write' })).json['error']).toBe(
        'invalid_scope',
      );
      const all = await logIn();
      const narrow = await refresh(all, { as: 'old' }, { scope: 'orders:read' });
      expect(narrow.json['scope']).toBe('orders:read');
      expect([...(await sessionOf(narrow)).principal.scopes]).toEqual(['orders:read']);
      expect((await refresh(narrow)).json['scope']).toBe('orders:read orders:write');
    });

    it.each([
      ['of another client', { as: 'bound' }, {}],
      ['O25: on the host of another tenant', { as: 'old', hostTenant: 'globex' }, {}],
      ['O25: for another tenant', { as: 'old' }, { tenant: 'globex' }],
    ] as const)('%s it is refused, and stays good for its own', async (_, options, members) => {
      const first = await logIn();
      const answer = await refresh(first, options, members);
      expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_grant']);
      expect((await refresh(first, { as: 'old', hostTenant: 'acme' })).status).toBe(200);
    });

    it.each(['x', 'ghr_', 'ghs_0123456789ABCDEF_x', `ghr_0123456789ABCDEF_${'a'.repeat(44)}`])(
      '%s is no refresh token',
      async (refreshToken) => {
        const answer = await ask({ grant_type: 'refresh_token', refresh_token: refreshToken }, { as: 'old' });
        expect([answer.status, answer.json['error']]).toEqual([400, 'invalid_grant']);
      },
    );
  });

  describe('O23: what was taken away is of no use at the next step', () => {
    it.each([
      ['the user', { kind: 'subject', subject: 'user:legacy:acme:17' }],
      ['the client', { kind: 'client', client: 'client:old' }],
      ['the sessions of the client', { kind: 'clientSessions', client: 'client:old' }],
      ['the tenant', { kind: 'tenant', tenant: 'acme' as TenantId }],
      ['the sessions of the tenant', { kind: 'tenantSessions', tenant: 'acme' as TenantId }],
    ] as const)(
      'O20: revoking %s takes back access and refresh token on every replica, and a new login passes',
      async (_, target) => {
        const first = await logIn();
        // A renewal does not make it younger than its login.
        const renewed = await refresh(first);
        await revoke(target);
        scene().now += 1;
        for (const replica of scene().replicas) {
          await eventually(
            async () => (await verdict(scene(), tokenOf(renewed), replica)) === 'credential_revoked',
            'the revocation on each replica',
          );
          expect((await refresh(renewed, { as: 'old', on: replica })).json['error']).toBe('invalid_grant');
        }
        expect((await logIn()).status).toBe(200);
      },
    );

    it('a session that an administrator ends takes all of its tokens with it', async () => {
      const first = await logIn();
      const { id } = await sessionOf(first);
      await scene().first.sessions.end(id);
      expect(await verdict(scene(), tokenOf(first))).toBe('credential_revoked');
      expect((await refresh(first)).json['error']).toBe('invalid_grant');
    });

    it('a suspended or unknown tenant, and a client that is gone or may do less, in a new configuration', async () => {
      const first = await logIn();
      const jwt = await logIn({ as: 'jwt' });
      const { old, ...others } = clientSettings();
      const credentials = { credentials: { legacyKey: 'x' } };
      const gone = await scene().reopen({ clients: others });
      expect((await refresh(first, { as: 'old', on: gone })).json['error']).toBe('invalid_client');
      expect(await verdict(scene(), tokenOf(first), gone)).toBe('credential_revoked');
      const suspended = await scene().reopen({
        tenants: { acme: { ...credentials, status: 'suspended' }, globex: credentials },
      });
      for (const [token, as] of [
        [first, 'old'],
        [jwt, 'jwt'],
      ] as const)
        expect((await refresh(token, { as, on: suspended })).json['error']).toBe('invalid_grant');
      expect((await logIn({ as: 'old', on: suspended })).json['error']).toBe('invalid_grant');
      const unknown = await scene().reopen({ tenants: { globex: credentials } });
      expect((await refresh(first, { as: 'old', on: unknown })).json['error']).toBe('invalid_grant');
      const narrowed = await scene().reopen({
        clients: { ...others, old: { ...old, scopes: ['orders:read'] } },
      });
      const verification = await verificationOf(scene(), tokenOf(first), narrowed);
      if (verification?.kind !== 'accepted') throw new Error('not accepted');
      expect([...verification.principal.scopes]).toEqual(['orders:read']);
      const moved = await scene().reopen({ clients: { ...others, old: { ...old, tenants: ['globex'] } } });
      expect(await verdict(scene(), tokenOf(first), moved)).toBe('credential_revoked');
      expect((await refresh(first, { as: 'old', on: moved })).json['error']).toBe('invalid_grant');
      // Nothing of this has used the token up.
      expect((await refresh(first)).status).toBe(200);
    });

    it('a client that is blocked gets no token at all', async () => {
      await scene().first.stores.revocations.add({
        target: { kind: 'client', client: 'client:erp' },
        revokedAt: scene().now,
        revokedBy: 'test',
      });
      const answer = await ask({ grant_type: 'client_credentials' }, { as: 'erp' });
      expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
      expect(answer.raw.record.code).toBe('credential_revoked');
    });

    it('a user who is blocked gets no session, though the password is right', async () => {
      await scene().first.stores.revocations.add({
        target: { kind: 'subject', subject: 'user:legacy:acme:17' },
        revokedAt: scene().now,
        revokedBy: 'test',
      });
      expect((await logIn()).json['error']).toBe('invalid_grant');
      expect(await scene().first.sessions.list({ limit: 10 })).toEqual([]);
    });
  });

  it('answers nothing while the revocation list may be too far behind', async () => {
    const first = await logIn();
    const { revocations } = scene().first;
    const lag = revocations.lag.bind(revocations);
    Object.assign(revocations, { lag: () => 5_001 });
    const answer = await refresh(first);
    expect([answer.status, answer.json['error']]).toEqual([503, 'temporarily_unavailable']);
    expect(answer.raw.record.code).toBe('store_unavailable');
    Object.assign(revocations, { lag });
    expect((await refresh(first)).status).toBe(200);
  });
});
