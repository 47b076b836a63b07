import { describe, expect, it } from 'vitest';
import { aKeyring, aSigningKey } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

export function keyringStoreContract(adapter: StoreAdapter): void {
  describe(`the keyring in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it('a keyring is found as it was saved, with and without a previous key', async () => {
      const first = aKeyring('assertion:ES256');
      expect(await stores().keyring.find(first.purpose)).toBeUndefined();
      expect(await stores().keyring.save(first, 0)).toBe('saved');
      expect(await stores().keyring.find(first.purpose)).toStrictEqual(first);

      const second = {
        ...first,
        previous: first.current,
        current: first.next,
        next: aSigningKey('three'),
        revision: 2,
      };
      expect(await stores().keyring.save(second, 1)).toBe('saved');
      expect(await stores().keyring.find(first.purpose)).toStrictEqual(second);
    });

    it('a save on another revision than the stored one is stale and changes nothing', async () => {
      const keyring = aKeyring('assertion:ES256');
      expect(await stores().keyring.save(keyring, 1)).toBe('stale');
      await stores().keyring.save(keyring, 0);
      const rival = aKeyring('assertion:ES256', { current: aSigningKey('rival') });
      for (const revision of [0, 2]) expect(await stores().keyring.save(rival, revision)).toBe('stale');
      expect(await stores().keyring.list()).toEqual([keyring]);
    });

    it('the stored revision grows by one, whatever the keyring says', async () => {
      const keyring = aKeyring('assertion:ES256', { revision: 41 });
      await stores().keyring.save(keyring, 0);
      await stores().keyring.save(keyring, 1);
      expect((await stores().keyring.find(keyring.purpose))?.revision).toBe(2);
    });

    it('of 50 first saves at once exactly one wins, and of 50 rotations too', async () => {
      for (const revision of [0, 1]) {
        const outcomes = await race(50, (index) =>
          stores().keyring.save(aKeyring('assertion:ES256', { current: aSigningKey(`k${index}`) }), revision),
        );
        const winner = outcomes.indexOf('saved');
        expect(outcomes.filter((outcome) => outcome === 'saved')).toHaveLength(1);
        expect((await stores().keyring.find('assertion:ES256'))?.current.kid).toBe(`k${winner}`);
      }
    });

    it('purposes are independent, and listed in order', async () => {
      for (const purpose of ['token:ES256', 'assertion:RS256', 'assertion:ES256']) {
        expect(await stores().keyring.save(aKeyring(purpose), 0)).toBe('saved');
      }
      expect((await stores().keyring.list()).map((keyring) => keyring.purpose)).toEqual([
        'assertion:ES256',
        'assertion:RS256',
        'token:ES256',
      ]);
    });

    it('a save is announced, a stale one is not', async () => {
      const changes = recordChanges(stores());
      await stores().keyring.save(aKeyring('assertion:ES256'), 0);
      await stores().keyring.save(aKeyring('assertion:ES256'), 0);
      expect(changes).toEqual([{ kind: 'keyringChanged' }]);
    });
  });
}
