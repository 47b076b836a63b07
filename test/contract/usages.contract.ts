import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MINUTE } from './fixtures.ts';
import { race, type StoreAdapter, useStores } from './store-adapter.ts';

/** What is given back while a test runs is nothing that it could see. */
const SLOW = { count: 100, windowMilliseconds: 100_000 * MINUTE };

export function usageStoreContract(adapter: StoreAdapter): void {
  describe(`usages in ${adapter.name}`, () => {
    const stores = useStores(adapter);
    const add = (uses: number, key = 'key', rate = SLOW) => stores().usages.add(key, rate, uses);

    it('tells each replica what all of them used', async () => {
      expect(await add(3)).toBeCloseTo(3, 3);
      expect(await add(4.5)).toBeCloseTo(7.5, 3);
      expect(await add(0)).toBeCloseTo(7.5, 3);
    });

    it('loses nothing of what is told at once', async () => {
      const told = await race(50, () => add(1));
      expect(told.map(Math.round).toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
    });

    it('remembers what was admitted too much, but never more than a second count', async () => {
      expect(await add(150)).toBeCloseTo(150, 3);
      expect(await add(150)).toBeCloseTo(200, 3);
      expect(await add(1)).toBeCloseTo(200, 3);
    });

    it('gives back evenly, by its own clock, down to nothing', async () => {
      const fast = { count: 100, windowMilliseconds: 2000 };
      const began = performance.now();
      await add(10, 'fast', fast);
      let used = 10;
      while (used > 0) {
        const asked = performance.now();
        used = await add(0, 'fast', fast);
        const answered = performance.now();
        // Each lies between what the longest and the shortest time that may have passed would leave.
        expect(used).toBeGreaterThanOrEqual(Math.max(0, 10 - (answered - began + 2) / 20));
        expect(used).toBeLessThanOrEqual(Math.max(0, 10 - (asked - began - 50) / 20));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });

    it('keeps keys apart, whatever they are', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.uniqueArray(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 5 }),
          async (keys) => {
            const before = await Promise.all(keys.map((key) => add(0, key)));
            await Promise.all(keys.map((key, index) => add(index / 100, key)));
            const after = await Promise.all(keys.map((key) => add(0, key)));
            for (const [index, used] of after.entries())
              expect(used - (before[index] ?? 0)).toBeCloseTo(index / 100, 3);
          },
        ),
        { numRuns: 10 },
      );
    });

    it('takes no rate and no number that is none', async () => {
      for (const rate of [
        { count: 0, windowMilliseconds: 1 },
        { count: 1.5, windowMilliseconds: 1 },
        { count: 1, windowMilliseconds: 0 },
      ])
        await expect(add(1, 'key', rate)).rejects.toThrow(RangeError);
      for (const uses of [-1, Number.NaN, Number.POSITIVE_INFINITY])
        await expect(add(uses)).rejects.toThrow(RangeError);
    });
  });
}
