import { describe, expect, it } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { ANNA, secretOf } from './replica.ts';
import { type CallOptions, onBothStores, post, tokenOf, verdict } from './scene.ts';

const IN_ACME = { ...ANNA, tenant: 'acme' };

onBothStores((scene) => {
  const ask = (parameters: Record<string, string>, options: CallOptions = {}) =>
    post(scene(), '/oauth/token', parameters, options);
  const revoke = (parameters: Record<string, string>, options: CallOptions = { as: 'old' }) =>
    post(scene(), '/oauth/revoke', parameters, options);
  const introspect = (parameters: Record<string, string>, options: CallOptions) =>
    post(scene(), '/oauth/introspect', parameters, options);
  const refresh = (token: string, as = 'old') =>
    ask({ grant_type: 'refresh_token', refresh_token: token }, { as });

  async function everywhere(token: string, expected: string): Promise<void> {
    for (const replica of scene().replicas)
      await eventually(
        async () => (await verdict(scene(), token, replica)) === expected,
        `${expected} on each replica`,
      );
  }

  describe('O18: the revocation endpoint', () => {
    it.each([{}, { token_type_hint: 'access_token' }, { token_type_hint: 'x' }])(
      'ends the session of a refresh token and so its access tokens, hint %j',
      async (hint) => {
        const first = await ask(IN_ACME, { as: 'old' });
        const second = await refresh(tokenOf(first, 'refresh_token'));
        const answer = await revoke({ token: tokenOf(second, 'refresh_token'), ...hint });
        expect(answer.status).toBe(200);
        expect(answer.field('cache-control')).toBe('no-store');
        await everywhere(tokenOf(first), 'credential_revoked');
        await everywhere(tokenOf(second), 'credential_revoked');
        expect((await refresh(tokenOf(second, 'refresh_token'))).json['error']).toBe('invalid_grant');
        expect(await scene().first.sessions.list({ limit: 10 })).toEqual([]);
      },
    );

    it('takes an old generation of a refresh token for what it is: its session ends', async () => {
      const first = await ask(IN_ACME, { as: 'old' });
      const second = await refresh(tokenOf(first, 'refresh_token'));
      await revoke({ token: tokenOf(first, 'refresh_token') });
      await everywhere(tokenOf(second), 'credential_revoked');
    });

    it.each([
      ['opaque', 'old', 'credential_invalid', {}],
      ['JWT', 'jwt', 'credential_revoked', { token_type_hint: 'refresh_token' }],
    ])(
      'O20: takes one %s access token back on every replica, and no other',
      async (_, as, expected, hint) => {
        const first = await ask(IN_ACME, { as });
        const second = await refresh(tokenOf(first, 'refresh_token'), as);
        await everywhere(tokenOf(first), 'accepted');
        expect((await revoke({ token: tokenOf(first), ...hint }, { as })).status).toBe(200);
        await everywhere(tokenOf(first), expected);
        await everywhere(tokenOf(second), 'accepted');
        expect((await refresh(tokenOf(second, 'refresh_token'), as)).status).toBe(200);
      },
    );

    it('O20: is in the list of every replica, for those who remember the token', async () => {
      const answer = await ask({ grant_type: 'client_credentials' }, { as: 'erp' });
      const sizes = scene().replicas.map(({ revocations }) => revocations.size);
      await revoke({ token: tokenOf(answer) }, { as: 'erp' });
      for (const [at, { revocations }] of scene().replicas.entries())
        await eventually(() => revocations.size === (sizes[at] ?? 0) + 1, 'the entry on each replica');
    });

    it('serves public clients, who say who they are', async () => {
      const first = await ask({ ...IN_ACME, client_id: 'phone' });
      const token = tokenOf(first, 'refresh_token');
      expect((await revoke({ token, client_id: 'phone' }, {})).status).toBe(200);
      await everywhere(tokenOf(first), 'credential_revoked');
    });

    it.each(['x', 'gha_x', `gha_${'a'.repeat(43)}`, `ghr_0123456789ABCDEF_${'a'.repeat(44)}`, 'a.b.c'])(
      'says 200 to %s, which it never gave out',
      async (token) => {
        const answer = await revoke({ token });
        expect([answer.status, answer.json]).toEqual([200, {}]);
      },
    );

    it("does nothing to another client's tokens, and does not say whose they are", async () => {
      const first = await ask(IN_ACME, { as: 'old' });
      const jwt = await ask(IN_ACME, { as: 'jwt' });
      for (const token of [tokenOf(first), tokenOf(first, 'refresh_token'), tokenOf(jwt)]) {
        const answer = await revoke({ token }, { as: 'erp' });
        expect([answer.status, answer.json]).toEqual([200, {}]);
      }
      await everywhere(tokenOf(first), 'accepted');
      await everywhere(tokenOf(jwt), 'accepted');
      expect((await refresh(tokenOf(first, 'refresh_token'))).status).toBe(200);
    });

    it.each([
      [{}, { as: 'old' }, 400, 'invalid_request'],
      [{ token: 'x' }, {}, 401, 'invalid_client'],
      [{ token: 'x' }, { as: 'old', query: 'token=x' }, 400, 'invalid_request'],
      [
        { token: 'x', client_id: 'old', client_secret: secretOf('old') },
        { as: 'old' },
        400,
        'invalid_request',
      ],
      [{}, { as: 'old', body: 'token=x&token=y' }, 400, 'invalid_request'],
    ])('%j is refused', async (parameters, options, status, error) => {
      const answer = await revoke(parameters, options);
      expect([answer.status, answer.json['error']]).toEqual([status, error]);
    });

    it('wins against 50 refreshes at once: nothing that they give is good for anything, 20 times', {
      timeout: 60_000,
    }, async () => {
      for (let round = 0; round < 20; round += 1) {
        const first = await ask(IN_ACME, { as: 'old' });
        const token = tokenOf(first, 'refresh_token');
        const [answers] = await Promise.all([
          Promise.all(
            Array.from({ length: 50 }, (_, at) =>
              ask(
                { grant_type: 'refresh_token', refresh_token: token },
                { as: 'old', on: scene().replica(at), peer: `198.51.${round}.${at}` },
              ),
            ),
          ),
          revoke({ token }, { as: 'old', on: scene().replica(round) }),
        ]);
        for (const answer of answers.filter(({ status }) => status === 200)) {
          expect(await verdict(scene(), tokenOf(answer))).toBe('credential_revoked');
          const again = { grant_type: 'refresh_token', refresh_token: tokenOf(answer, 'refresh_token') };
          expect((await ask(again, { as: 'old' })).json['error']).toBe('invalid_grant');
        }
      }
    });
  });

  describe('O19: the introspection endpoint', () => {
    const INACTIVE = { active: false };

    it.each(['old', 'jwt'])('describes an active token of %s to a client of its tenant', async (as) => {
      const answer = await ask({ ...IN_ACME, scope: 'orders:read' }, { as });
      const told = await introspect({ token: tokenOf(answer) }, { as: 'api-acme' });
      const now = Math.floor(scene().now / 1000);
      expect(told.json).toEqual({
        active: true,
        token_type: 'Bearer',
        client_id: as,
        sub: 'user:legacy:acme:17',
        username: '17',
        scope: 'orders:read',
        tenant: 'acme',
        roles: ['clerk'],
        iss: 'https://gw.test',
        aud: 'https://gw.test',
        iat: now,
        exp: Math.floor((Math.floor(scene().now / 1000) * 1000 + 600_000) / 1000),
        auth_time: now,
        jti: expect.stringMatching(/^[0-9A-Z]{16}$/),
      });
      expect(told.field('cache-control')).toBe('no-store');
    });

    it('tells a client of another tenant nothing', async () => {
      const answer = await ask(IN_ACME, { as: 'old' });
      expect((await introspect({ token: tokenOf(answer) }, { as: 'api-globex' })).json).toEqual(INACTIVE);
      expect((await introspect({ token: tokenOf(answer) }, { as: 'anywhere' })).json['active']).toBe(true);
    });

    it('says of what is revoked, expired, ended or unknown that it is inactive, and nothing else', async () => {
      const revoked = await ask(IN_ACME, { as: 'jwt' });
      await post(scene(), '/oauth/revoke', { token: tokenOf(revoked) }, { as: 'jwt' });
      const ended = await ask(IN_ACME, { as: 'old' });
      await post(scene(), '/oauth/revoke', { token: tokenOf(ended, 'refresh_token') }, { as: 'old' });
      const expired = await ask({ grant_type: 'client_credentials' }, { as: 'erp' });
      const refreshToken = tokenOf(await ask(IN_ACME, { as: 'old' }), 'refresh_token');
      for (const token of [
        tokenOf(revoked),
        tokenOf(ended),
        refreshToken,
        `gha_${'a'.repeat(43)}`,
        'a.b.c',
        'x',
      ])
        expect((await introspect({ token }, { as: 'api-acme' })).json).toEqual(INACTIVE);
      scene().now += 600_000;
      expect((await introspect({ token: tokenOf(expired) }, { as: 'api-acme' })).json).toEqual(INACTIVE);
    });

    it('does not use a refresh token up, nor end its session', async () => {
      const first = await ask(IN_ACME, { as: 'old' });
      await introspect({ token: tokenOf(first, 'refresh_token') }, { as: 'api-acme' });
      expect((await refresh(tokenOf(first, 'refresh_token'))).status).toBe(200);
    });

    it.each([
      ['nobody', {}, {}, 401, 'invalid_client'],
      ['a wrong secret', { client_id: 'erp', client_secret: 'x' }, {}, 401, 'invalid_client'],
      ['a public client', { client_id: 'phone' }, {}, 401, 'invalid_client'],
      ['a bearer token', {}, { fields: { authorization: 'Bearer x' } }, 401, 'invalid_client'],
    ])('answers %s with %d', async (_, parameters, options, status, error) => {
      const answer = await introspect({ token: 'x', ...parameters }, options);
      expect([answer.status, answer.json['error']]).toEqual([status, error]);
      expect(answer.field('www-authenticate')).toContain('Basic');
      expect(answer.field('cache-control')).toBe('no-store');
    });
  });
});
