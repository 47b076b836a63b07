import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE, NOW } from './fixtures.ts';
import { race, type StoreAdapter, useStores } from './store-adapter.ts';

const END = NOW + MINUTE;

export function replayStoreContract(adapter: StoreAdapter): void {
  describe(`the replay guard in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it('an id is claimed once', async () => {
      expect(await stores().replays.claim('nonce', 'n1', END, NOW)).toBe(true);
      expect(await stores().replays.claim('nonce', 'n1', END, NOW + 1)).toBe(false);
      expect(await stores().replays.claim('nonce', 'n1', END + MINUTE, END - 1)).toBe(false);
      expect(await stores().replays.claim('nonce', 'n2', END, NOW)).toBe(true);
    });

    it('of 50 claims of one id at once, exactly one wins', async () => {
      const outcomes = await race(50, () => stores().replays.claim('nonce', 'n1', END, NOW));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
    });

    it('an id is free again from its expiry on, once', async () => {
      await stores().replays.claim('nonce', 'n1', END, NOW);
      const outcomes = await race(50, () => stores().replays.claim('nonce', 'n1', END + MINUTE, END));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await stores().replays.claim('nonce', 'n1', END + MINUTE, END + 1)).toBe(false);
    });

    it('what has expired already cannot be claimed, since it could not be remembered', async () => {
      expect(await stores().replays.claim('nonce', 'n1', NOW, NOW)).toBe(false);
      expect(await stores().replays.claim('nonce', 'n1', END, NOW)).toBe(true);
    });

    it('a claim is not forgotten while others expire around it', async () => {
      await stores().replays.claim('nonce', 'kept', END + MINUTE, NOW);
      await race(50, (index) => stores().replays.claim('nonce', `short${index}`, NOW + 1, NOW));
      await race(50, (index) => stores().replays.claim('nonce', `later${index}`, END, NOW + 2));
      expect(await stores().replays.claim('nonce', 'kept', END + MINUTE, NOW + 3)).toBe(false);
    });

    it('two ids never count as one, whatever characters they hold', async () => {
      await stores().replays.claim('a', 'b:c', END, NOW);
      expect(await stores().replays.claim('a:b', 'c', END, NOW)).toBe(true);
      for (const id of ['\ud800', '\ud801', '\ufffd', '%uD800', '%EF%BF%BD', 'n\0', 'n']) {
        expect(await stores().replays.claim('nonce', id, END, NOW), JSON.stringify(id)).toBe(true);
      }
      let run = 0;
      const text = fc.string({
        unit: fc.oneof(
          fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
          fc.constantFrom(':', '%', '\0', '\ud800', '\udc00', 'a'),
        ),
        maxLength: 4,
      });
      await fc.assert(
        fc.asyncProperty(fc.uniqueArray(text, { minLength: 2, maxLength: 6 }), async (ids) => {
          const space = `run ${(run += 1)}`;
          for (const id of ids) expect(await stores().replays.claim(space, id, END, NOW)).toBe(true);
          for (const id of ids) expect(await stores().replays.claim(space, id, END, NOW)).toBe(false);
        }),
        { numRuns: 60 },
      );
    });
  });
}
