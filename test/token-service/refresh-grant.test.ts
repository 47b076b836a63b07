import { describe, expect, it } from 'vitest';
import { onBothStores, tokenOf, verdict } from './scene.ts';
import { createUserCalls, DAY, IN_ACME } from './user-calls.ts';

onBothStores((scene) => {
  const { ask, logIn, refresh, sessionOf } = createUserCalls(scene);

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
});
