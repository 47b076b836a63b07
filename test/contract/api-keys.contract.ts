import { describe, expect, it } from 'vitest';
import type { ApiKey } from '../../src/api-keys/api-key.ts';
import { anApiKey, apiKeyId, MINUTE, NOW, tenantId } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

const absent = apiKeyId('absent');

export function apiKeyStoreContract(adapter: StoreAdapter): void {
  describe(`API keys in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it.each<[string, ApiKey]>([
      ['the least members', anApiKey('least')],
      [
        'every member',
        anApiKey('most', {
          name: 'Zoë’s "key"',
          owner: 'zoë@example.com',
          digest: { algorithm: 'hmac-sha256', hex: 'ab'.repeat(32) },
          scopes: ['b', 'a'],
          roles: ['admin', 'clerk, senior'],
          origin: 'imported',
          createdAt: NOW + 0.25,
          expiresAt: NOW + 1.5,
          revokedAt: NOW + 2,
          replacedBy: apiKeyId('next'),
          lastUsedAt: NOW + 3,
        }),
      ],
    ])('a key with %s is found by id and by digest as it was given', async (_, key) => {
      expect(await stores().apiKeys.create(key)).toBe('created');
      expect(await stores().apiKeys.findById(key.id)).toStrictEqual(key);
      expect(await stores().apiKeys.findByDigest(key.digest)).toStrictEqual(key);
    });

    it('an unknown key is undefined, not an error', async () => {
      const { digest } = anApiKey('unknown');
      expect(await stores().apiKeys.findById(absent)).toBeUndefined();
      expect(await stores().apiKeys.findByDigest(digest)).toBeUndefined();
    });

    it('an id clashes, a digest clashes, and the key that was there stays', async () => {
      const key = anApiKey('first');
      await stores().apiKeys.create(key);
      expect(await stores().apiKeys.create({ ...anApiKey('second'), id: key.id })).toBe('clash');
      expect(await stores().apiKeys.create({ ...anApiKey('second'), digest: key.digest })).toBe('clash');
      expect(await stores().apiKeys.list({ limit: 10 })).toEqual([key]);
    });

    it('a digest of another algorithm is another digest', async () => {
      const key = anApiKey('first');
      const pepperedDigest = { algorithm: 'hmac-sha256', hex: key.digest.hex } as const;
      await stores().apiKeys.create(key);
      expect(await stores().apiKeys.findByDigest(pepperedDigest)).toBeUndefined();
      expect(await stores().apiKeys.create(anApiKey('second', { digest: pepperedDigest }))).toBe('created');
      expect((await stores().apiKeys.findByDigest(pepperedDigest))?.id).toBe('second');
    });

    it('of 50 creations of one id at once, exactly one wins', async () => {
      const outcomes = await race(50, (index) =>
        stores().apiKeys.create({ ...anApiKey(`k${index}`), id: apiKeyId('contested') }),
      );
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
    });

    it('pages cover every key once, sorted by id, over all tenants or one', async () => {
      const ids = ['b', 'B', 'a', '1', 'a.b', 'a_b', 'a-b', 'C'];
      for (const [index, id] of ids.entries()) {
        await stores().apiKeys.create(
          anApiKey(id, { tenant: tenantId(index % 2 === 0 ? 'acme' : 'globex') }),
        );
      }
      const sorted = ids.toSorted();
      const readPages = async (tenant?: string): Promise<string[]> => {
        const seen: string[] = [];
        for (;;) {
          const last = seen.at(-1);
          const page = await stores().apiKeys.list({
            ...(tenant !== undefined && { tenant: tenantId(tenant) }),
            ...(last !== undefined && { after: apiKeyId(last) }),
            limit: 3,
          });
          expect(page.length).toBeLessThanOrEqual(3);
          if (page.length === 0) return seen;
          seen.push(...page.map((key) => key.id));
        }
      };
      expect(await readPages()).toEqual(sorted);
      expect(await readPages('acme')).toEqual(sorted.filter((id) => ids.indexOf(id) % 2 === 0));
      expect(await readPages('nobody')).toEqual([]);
      expect(await stores().apiKeys.list({ limit: 0 })).toEqual([]);
    });

    it('a rotation creates the successor and lets the old key expire, in one step', async () => {
      const old = anApiKey('old');
      const successor = anApiKey('new');
      await stores().apiKeys.create(old);
      expect(await stores().apiKeys.rotate(old.id, successor, NOW + MINUTE)).toBe('rotated');
      expect(await stores().apiKeys.findById(successor.id)).toEqual(successor);
      expect(await stores().apiKeys.findById(old.id)).toEqual({
        ...old,
        expiresAt: NOW + MINUTE,
        replacedBy: successor.id,
      });
    });

    it('a rotation never lets a key live longer than it would have', async () => {
      const old = anApiKey('old', { expiresAt: NOW + 10 });
      await stores().apiKeys.create(old);
      await stores().apiKeys.rotate(old.id, anApiKey('new'), NOW + MINUTE);
      expect((await stores().apiKeys.findById(old.id))?.expiresAt).toBe(NOW + 10);
    });

    it('an unknown, a revoked and a replaced key cannot be rotated, and no successor is left behind', async () => {
      await stores().apiKeys.create(anApiKey('revoked', { revokedAt: NOW }));
      await stores().apiKeys.create(anApiKey('replaced', { replacedBy: apiKeyId('gone') }));
      for (const id of ['absent', 'revoked', 'replaced']) {
        expect(await stores().apiKeys.rotate(apiKeyId(id), anApiKey('new'), NOW), id).toBe('absent');
      }
      expect(await stores().apiKeys.findById(apiKeyId('new'))).toBeUndefined();
    });

    it('a rotation whose successor clashes by id or digest changes nothing', async () => {
      const old = anApiKey('old');
      const other = anApiKey('other');
      await stores().apiKeys.create(old);
      await stores().apiKeys.create(other);
      const clashes = [
        old,
        { ...anApiKey('new'), id: other.id },
        { ...anApiKey('new'), digest: other.digest },
      ];
      for (const successor of clashes) {
        expect(await stores().apiKeys.rotate(old.id, successor, NOW)).toBe('clash');
      }
      expect(await stores().apiKeys.list({ limit: 10 })).toEqual([old, other]);
    });

    it('of 50 rotations of one key at once, exactly one leaves a successor', async () => {
      await stores().apiKeys.create(anApiKey('old'));
      const outcomes = await race(50, (index) =>
        stores().apiKeys.rotate(apiKeyId('old'), anApiKey(`new${index}`), NOW + MINUTE),
      );
      const winner = outcomes.indexOf('rotated');
      expect(outcomes.filter((outcome) => outcome === 'rotated')).toHaveLength(1);
      expect((await stores().apiKeys.list({ limit: 100 })).map((key) => key.id)).toEqual([
        `new${winner}`,
        'old',
      ]);
      expect((await stores().apiKeys.findById(apiKeyId('old')))?.replacedBy).toBe(`new${winner}`);
    });

    it('a revoked key stays listed with the time of its first revocation', async () => {
      const key = anApiKey('key');
      await stores().apiKeys.create(key);
      expect(await stores().apiKeys.revoke(key.id, NOW + 1)).toBe('revoked');
      expect(await stores().apiKeys.revoke(key.id, NOW + 2)).toBe('already');
      expect(await stores().apiKeys.revoke(absent, NOW)).toBe('absent');
      expect(await stores().apiKeys.list({ limit: 10 })).toEqual([{ ...key, revokedAt: NOW + 1 }]);
      expect(await stores().apiKeys.findByDigest(key.digest)).toEqual({ ...key, revokedAt: NOW + 1 });
    });

    it('a key that is revoked and rotated at once is never left live without its revocation', async () => {
      await stores().apiKeys.create(anApiKey('old'));
      const [rotated, revoked] = await Promise.all([
        stores().apiKeys.rotate(apiKeyId('old'), anApiKey('new'), NOW + MINUTE),
        stores().apiKeys.revoke(apiKeyId('old'), NOW),
      ]);
      expect(revoked).toBe('revoked');
      const old = await stores().apiKeys.findById(apiKeyId('old'));
      expect(old?.revokedAt).toBe(NOW);
      expect(old?.replacedBy).toBe(rotated === 'rotated' ? 'new' : undefined);
    });

    it('a last use never moves backwards, and unknown ids do not disturb the others', async () => {
      await stores().apiKeys.create(anApiKey('a'));
      await stores().apiKeys.create(anApiKey('b', { lastUsedAt: NOW }));
      await stores().apiKeys.recordUses(
        new Map([
          [absent, NOW + 1],
          [apiKeyId('a'), NOW + 2],
          [apiKeyId('b'), NOW - 1],
        ]),
      );
      const [a, b, ...rest] = await stores().apiKeys.list({ limit: 10 });
      expect([a?.lastUsedAt, b?.lastUsedAt]).toEqual([NOW + 2, NOW]);
      expect(rest).toEqual([]);

      await Promise.all([
        stores().apiKeys.recordUses(new Map([[apiKeyId('a'), NOW + 9]])),
        stores().apiKeys.recordUses(new Map([[apiKeyId('a'), NOW + 7]])),
      ]);
      expect((await stores().apiKeys.findById(apiKeyId('a')))?.lastUsedAt).toBe(NOW + 9);
    });

    it('each change is announced, a use and what changed nothing is not', async () => {
      const changes = recordChanges(stores());
      const id = apiKeyId('key');
      await stores().apiKeys.create(anApiKey('key'));
      await stores().apiKeys.create(anApiKey('key'));
      await stores().apiKeys.recordUses(new Map([[id, NOW]]));
      expect(changes).toEqual([{ kind: 'apiKeyChanged', id }]);

      await stores().apiKeys.rotate(id, anApiKey('new'), NOW);
      await stores().apiKeys.rotate(id, anApiKey('newer'), NOW);
      expect(changes.slice(1)).toHaveLength(2);
      expect(changes.slice(1)).toEqual(
        expect.arrayContaining([
          { kind: 'apiKeyChanged', id },
          { kind: 'apiKeyChanged', id: apiKeyId('new') },
        ]),
      );

      await stores().apiKeys.revoke(id, NOW);
      await stores().apiKeys.revoke(id, NOW);
      await stores().apiKeys.revoke(absent, NOW);
      expect(changes.slice(3)).toEqual([{ kind: 'apiKeyChanged', id }]);
    });
  });
}
