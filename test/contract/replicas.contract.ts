import { describe, expect, it } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { aReplica, MINUTE } from './fixtures.ts';
import { race, type StoreAdapter, useStores } from './store-adapter.ts';

/** Milliseconds: long enough for a busy machine to look while it lasts. */
const SHORT = 300;

export function replicaRegistryContract(adapter: StoreAdapter): void {
  describe(`the registry of replicas in ${adapter.name}`, () => {
    const registry = useStores(adapter);
    const listed = () => registry().replicas.list();

    it('lists what each said last, sorted by id', async () => {
      expect(await listed()).toEqual([]);
      const odd = aReplica('a b:é%:\ud83d\ude00*', { lagMilliseconds: 0.5 });
      await registry().replicas.announce(aReplica('host:2'), MINUTE);
      await registry().replicas.announce(odd, MINUTE);
      await registry().replicas.announce(aReplica('host:1'), MINUTE);
      const later = aReplica('host:1', {
        revision: 'r2',
        version: '1.1.0',
        lagMilliseconds: Number.POSITIVE_INFINITY,
      });
      await registry().replicas.announce(later, MINUTE);
      expect(await listed()).toStrictEqual([odd, later, aReplica('host:2')]);
    });

    it('forgets a replica that is silent for as long as it was to live, and none that is not', async () => {
      await registry().replicas.announce(aReplica('kept'), MINUTE);
      await registry().replicas.announce(aReplica('longer'), SHORT);
      await registry().replicas.announce(aReplica('longer'), MINUTE);
      await registry().replicas.announce(aReplica('short'), SHORT);
      const kept = [aReplica('kept'), aReplica('longer')];
      expect(await listed()).toEqual([...kept, aReplica('short')]);
      await eventually(async () => (await listed()).length < 3, 'the end of the short one');
      expect(await listed()).toEqual(kept);
      await registry().replicas.announce(aReplica('new'), SHORT);
      expect(await listed()).toEqual([...kept, aReplica('new')]);
    });

    it('forgets at once what is withdrawn, and only that', async () => {
      await race(20, (index) => registry().replicas.announce(aReplica(`host:${index}`), MINUTE));
      await race(19, (index) => registry().replicas.withdraw(`host:${index}`));
      await registry().replicas.withdraw('unknown');
      expect(await listed()).toEqual([aReplica('host:19')]);
    });

    it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])(
      'refuses a life of %d milliseconds',
      async (life) => {
        await expect(registry().replicas.announce(aReplica('host:1'), life)).rejects.toThrow(RangeError);
        expect(await listed()).toEqual([]);
      },
    );
  });
}
