import { describe, expect, it } from 'vitest';
import type { RevocationTarget } from '../../src/revocation/revocation.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { eventually } from '../support/authentication.ts';
import { clientSettings } from './replica.ts';
import { onBothStores, tokenOf, verdict, verificationOf } from './scene.ts';
import { createUserCalls, DAY } from './user-calls.ts';

onBothStores((scene) => {
  const { ask, logIn, refresh, sessionOf } = createUserCalls(scene);

  const revoke = (target: RevocationTarget) =>
    scene().first.stores.revocations.add({
      target,
      issuedBefore: scene().now,
      expiresAt: scene().now + DAY,
      revokedAt: scene().now,
      revokedBy: 'test',
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
