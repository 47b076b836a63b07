import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Revocation, type RevocationTarget, revocationIdOf } from '../../src/revocation/revocation.ts';
import { apiKeyId, aTenantRevocation, MINUTE, NOW, tenantId } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

/** Whether the entry revokes at `now` what was issued at `issuedAt`. */
function revokes(entry: Revocation, issuedAt: number, now: number): boolean {
  if (entry.expiresAt !== undefined && entry.expiresAt <= now) return false;
  return entry.issuedBefore === undefined || issuedAt <= entry.issuedBefore;
}

const offset = fc.integer({ min: 1, max: 6 }).map((step) => NOW + step * MINUTE);

const revocationOfAcme: fc.Arbitrary<Revocation> = fc
  .record({ issuedBefore: offset, expiresAt: offset }, { requiredKeys: [] })
  .map((times) => aTenantRevocation('acme', times));

const subjectOf = (index: number): RevocationTarget => ({ kind: 'subject', subject: `user:login:${index}` });

const TARGETS: readonly RevocationTarget[] = [
  { kind: 'key', id: apiKeyId('8K2M9QXT') },
  { kind: 'token', issuer: 'https://idp.example.com/', jti: 'a:b/c \ud800 é' },
  { kind: 'tokenDigest', digest: 'ab'.repeat(32) },
  { kind: 'subject', subject: 'user:acme-login:4711' },
  { kind: 'client', client: 'client:acme-login:erp' },
  { kind: 'tenant', tenant: tenantId('acme') },
];

export function revocationStoreContract(adapter: StoreAdapter): void {
  describe(`revocations in ${adapter.name}`, () => {
    const stores = useStores(adapter);
    const acmeId = revocationIdOf(aTenantRevocation('acme').target);

    it('an entry for each kind of target is listed as it was given, sorted by target id', async () => {
      const entries = TARGETS.map(
        (target, index): Revocation => ({
          target,
          revokedAt: NOW,
          revokedBy: 'admin:zoë',
          ...(index % 2 === 0 && {
            reason: 'left the company',
            issuedBefore: NOW - 0.5,
            expiresAt: NOW + MINUTE,
          }),
        }),
      );
      for (const entry of entries) expect(await stores().revocations.add(entry)).toStrictEqual(entry);
      const sorted = entries.toSorted((a, b) =>
        revocationIdOf(a.target) < revocationIdOf(b.target) ? -1 : 1,
      );
      expect(await stores().revocations.list(NOW)).toStrictEqual(sorted);
    });

    it('the live entries of some targets are found, among thousands asked for, and no others', async () => {
      const asked = Array.from({ length: 5000 }, (_, index) => subjectOf(index));
      const entries = [0, 2500, 4999, 7000].map(
        (index): Revocation => ({
          target: subjectOf(index),
          revokedAt: NOW,
          revokedBy: 'admin:alice',
          ...(index === 2500 && { expiresAt: NOW + MINUTE, issuedBefore: NOW }),
        }),
      );
      for (const entry of entries) await stores().revocations.add(entry);
      const found = await stores().revocations.find(asked, NOW);
      expect(found).toHaveLength(3);
      expect(found).toEqual(expect.arrayContaining(entries.slice(0, 3)));
      expect(await stores().revocations.find([subjectOf(2500)], NOW + MINUTE)).toEqual([]);
      expect(await stores().revocations.find([], NOW)).toEqual([]);
    });

    it.each([
      ['all beats a time', {}, { issuedBefore: NOW }, {}],
      ['a time does not narrow all', { issuedBefore: NOW }, {}, {}],
      [
        'a later time beats an earlier one',
        { issuedBefore: NOW },
        { issuedBefore: NOW + 1 },
        { issuedBefore: NOW + 1 },
      ],
      [
        'an earlier time does not beat a later one',
        { issuedBefore: NOW + 1 },
        { issuedBefore: NOW },
        { issuedBefore: NOW + 1 },
      ],
      ['for ever beats an expiry', { expiresAt: NOW + MINUTE }, {}, {}],
      ['an expiry does not shorten for ever', {}, { expiresAt: NOW + MINUTE }, {}],
      [
        'the later expiry wins',
        { expiresAt: NOW + 2 * MINUTE },
        { expiresAt: NOW + MINUTE },
        { expiresAt: NOW + 2 * MINUTE },
      ],
    ])('when two entries for one target meet, %s', async (_, first, second, merged) => {
      await stores().revocations.add(aTenantRevocation('acme', first));
      const expected = aTenantRevocation('acme', { ...merged, revokedBy: 'admin:bob', reason: 'second' });
      const added = aTenantRevocation('acme', { ...second, revokedBy: 'admin:bob', reason: 'second' });
      expect(await stores().revocations.add(added)).toStrictEqual(expected);
      expect(await stores().revocations.list(NOW)).toStrictEqual([expected]);
    });

    it('whatever is added, in whatever order, nothing that was revoked comes back', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(revocationOfAcme, { minLength: 1, maxLength: 4 }), async (entries) => {
          await stores().revocations.remove(acmeId);
          for (const entry of entries) await stores().revocations.add(entry);
          const [merged, ...rest] = await stores().revocations.list(NOW);
          expect(rest).toEqual([]);
          for (let now = NOW; now <= NOW + 7 * MINUTE; now += MINUTE / 2) {
            for (let issuedAt = NOW; issuedAt <= NOW + 7 * MINUTE; issuedAt += MINUTE / 2) {
              if (!entries.some((entry) => revokes(entry, issuedAt, now))) continue;
              expect(merged !== undefined && revokes(merged, issuedAt, now)).toBe(true);
            }
          }
        }),
        { numRuns: 60 },
      );
    });

    it('50 entries for one target at once leave the widest of them', async () => {
      await race(50, (index) =>
        stores().revocations.add(aTenantRevocation('acme', { issuedBefore: NOW + ((index * 7) % 50) })),
      );
      expect(await stores().revocations.list(NOW)).toMatchObject([{ issuedBefore: NOW + 49 }]);
    });

    it('an entry that has expired does not widen the one that replaces it', async () => {
      await stores().revocations.add(aTenantRevocation('acme', { expiresAt: Date.now() - MINUTE }));
      const added = aTenantRevocation('acme', { issuedBefore: NOW, expiresAt: Date.now() + MINUTE });
      expect(await stores().revocations.add(added)).toEqual(added);
    });

    it('expiresAt is exclusive: on it the entry is no longer listed', async () => {
      await stores().revocations.add(aTenantRevocation('acme', { expiresAt: NOW + MINUTE }));
      expect(await stores().revocations.list(NOW + MINUTE - 1)).toHaveLength(1);
      expect(await stores().revocations.list(NOW + MINUTE)).toEqual([]);
    });

    it('pruning forgets what has expired, and nothing else', async () => {
      await stores().revocations.add(aTenantRevocation('a', { expiresAt: NOW + MINUTE }));
      await stores().revocations.add(aTenantRevocation('b', { expiresAt: NOW + MINUTE + 1 }));
      await stores().revocations.add(aTenantRevocation('c'));
      expect(await stores().revocations.prune(NOW + MINUTE)).toBe(1);
      expect(await stores().revocations.prune(NOW + MINUTE)).toBe(0);
      expect((await stores().revocations.list(NOW)).map((entry) => revocationIdOf(entry.target))).toEqual([
        'tenant:b',
        'tenant:c',
      ]);
    });

    it('an entry is taken back once', async () => {
      await stores().revocations.add(aTenantRevocation('acme'));
      await stores().revocations.add(aTenantRevocation('globex'));
      expect(await stores().revocations.remove(acmeId)).toBe(true);
      expect(await stores().revocations.remove(acmeId)).toBe(false);
      expect(await stores().revocations.list(NOW)).toEqual([aTenantRevocation('globex')]);
    });

    it('what is announced is the merged entry; a removal names its id', async () => {
      const changes = recordChanges(stores());
      await stores().revocations.add(aTenantRevocation('acme'));
      await stores().revocations.add(aTenantRevocation('acme', { issuedBefore: NOW, reason: 'again' }));
      await stores().revocations.remove(acmeId);
      await stores().revocations.remove(acmeId);
      expect(changes).toEqual([
        { kind: 'revocationAdded', revocation: aTenantRevocation('acme') },
        { kind: 'revocationAdded', revocation: aTenantRevocation('acme', { reason: 'again' }) },
        { kind: 'revocationRemoved', id: acmeId },
      ]);
    });
  });
}
