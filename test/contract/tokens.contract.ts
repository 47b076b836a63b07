import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { StoredToken } from '../../src/sessions/token-store.ts';
import { anAccessToken, aTicket, MINUTE, NOW, sessionId, tenantId } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

export function tokenStoreContract(adapter: StoreAdapter): void {
  describe(`tokens in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it.each<[string, StoredToken]>([
      ['an access token of a client', anAccessToken('t1')],
      [
        'an access token of a user',
        anAccessToken('id : \ud800 \0', {
          session: sessionId('S1'),
          tenants: [tenantId('acme'), tenantId('globex')],
          scopes: [],
          issuedAt: NOW + 0.25,
          expiresAt: NOW + MINUTE + 0.5,
        }),
      ],
      ['a ticket', aTicket('k1', { host: 'zoë.example.com' })],
    ])('%s is found as it was put, as often as it is asked for', async (_, token) => {
      await stores().tokens.put(digestOf('a'), token);
      expect(await stores().tokens.find(digestOf('a'))).toStrictEqual(token);
      expect(await stores().tokens.find(digestOf('a'))).toStrictEqual(token);
      expect(await stores().tokens.find(digestOf('b'))).toBeUndefined();
    });

    it('a token that is put again is the newer one', async () => {
      await stores().tokens.put(digestOf('a'), anAccessToken('one'));
      await stores().tokens.put(digestOf('a'), anAccessToken('two'));
      expect(await stores().tokens.find(digestOf('a'))).toStrictEqual(anAccessToken('two'));
    });

    it('of 50 who take one token at once, exactly one gets it', async () => {
      const ticket = aTicket('k1');
      await stores().tokens.put(digestOf('a'), ticket);
      await stores().tokens.put(digestOf('b'), aTicket('k2'));
      const taken = await race(50, () => stores().tokens.take(digestOf('a')));
      expect(taken.filter((token) => token !== undefined)).toStrictEqual([ticket]);
      expect(await stores().tokens.find(digestOf('a'))).toBeUndefined();
      expect(await stores().tokens.find(digestOf('b'))).toStrictEqual(aTicket('k2'));
    });

    it('of 20 who remove one token at once, one is told that there was one', async () => {
      await stores().tokens.put(digestOf('a'), anAccessToken('t1'));
      const removed = await race(20, () => stores().tokens.remove(digestOf('a')));
      expect(removed.filter(Boolean)).toHaveLength(1);
      expect(await stores().tokens.take(digestOf('a'))).toBeUndefined();
    });

    it('nothing of a token is announced', async () => {
      const changes = recordChanges(stores());
      await stores().tokens.put(digestOf('a'), anAccessToken('t1'));
      await stores().tokens.take(digestOf('a'));
      await stores().tokens.put(digestOf('a'), anAccessToken('t1'));
      await stores().tokens.remove(digestOf('a'));
      await stores().tokens.prune(NOW);
      await stores().tenants.setSuspension(tenantId('acme'), true, NOW);
      expect(changes).toEqual([{ kind: 'tenantChanged', id: 'acme' }]);
    });

    it('a token is kept until its expiry, also from pruning, and may be found after it', async () => {
      const fresh = Array.from({ length: 20 }, (_, index) => anAccessToken(`t${index}`));
      const expired = anAccessToken('old', { issuedAt: NOW - 2 * MINUTE, expiresAt: NOW - MINUTE });
      await Promise.all(fresh.map((token) => stores().tokens.put(digestOf(token.id), token)));
      await stores().tokens.put(digestOf('old'), expired);
      expect(await stores().tokens.find(digestOf('old'))).toStrictEqual(expired);
      await stores().tokens.prune(NOW);
      for (const token of fresh) expect(await stores().tokens.find(digestOf(token.id))).toStrictEqual(token);
    });

    it('a time that is none is refused, and nothing is put', async () => {
      for (const token of [
        anAccessToken('t1', { expiresAt: Number.NaN }),
        anAccessToken('t1', { issuedAt: Number.POSITIVE_INFINITY }),
        aTicket('k1', { expiresAt: Number.POSITIVE_INFINITY }),
        aTicket('k1', { until: Number.NaN }),
      ]) {
        await expect(stores().tokens.put(digestOf('a'), token)).rejects.toThrow(RangeError);
      }
      expect(await stores().tokens.find(digestOf('a'))).toBeUndefined();
      await expect(stores().tokens.prune(Number.NaN)).rejects.toThrow(RangeError);
    });

    it('what is no digest is refused without being repeated, since it may be the token itself', async () => {
      const text = `gha_${'x'.repeat(43)}`;
      for (const call of [
        () => stores().tokens.put(text, anAccessToken('t1')),
        () => stores().tokens.find(text),
        () => stores().tokens.take(text),
        () => stores().tokens.remove(text),
        () => stores().tokens.find(digestOf('a').toUpperCase()),
        () => stores().tokens.find(''),
      ]) {
        await expect(call()).rejects.toThrow(
          new RangeError('A digest must be the 64 hex digits of a SHA-256.'),
        );
      }
    });
  });
}
