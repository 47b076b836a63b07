import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptOutcome } from '../../src/limits/attempt-store.ts';
import { giveBackAttempt, type LeakyBucket, takeAttempt } from '../../src/limits/leaky-bucket.ts';
import { MINUTE, NOW } from './fixtures.ts';
import { race, type StoreAdapter, useStores } from './store-adapter.ts';

/** One every six seconds. */
const TEN = { count: 10, windowMilliseconds: MINUTE };
const EVERY = TEN.windowMilliseconds / TEN.count;

export function attemptStoreContract(adapter: StoreAdapter): void {
  describe(`attempts in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    const take = (now = NOW, key = 'key', rate = TEN) => stores().attempts.take(key, rate, now);
    const giveBack = (now = NOW, key = 'key', rate = TEN) => stores().attempts.giveBack(key, rate, now);

    /** How many takes in a row succeed at this moment. */
    async function takeAll(now = NOW, key = 'key'): Promise<number> {
      for (let taken = 0; ; taken += 1) if ((await take(now, key)).kind === 'exhausted') return taken;
    }

    it('a new bucket gives its count at once, says how many remain, and then when one will be there', async () => {
      for (let remaining = 9; remaining >= 0; remaining -= 1)
        expect(await take()).toEqual({ kind: 'taken', remaining });
      expect(await take()).toEqual({ kind: 'exhausted', retryAfterMilliseconds: EVERY });
      expect(await take(NOW + 1500)).toEqual({ kind: 'exhausted', retryAfterMilliseconds: EVERY - 1500 });
    });

    it('of 50 takes of a bucket of 10 at once, exactly 10 get one', async () => {
      for (let run = 0; run < 5; run += 1) {
        const outcomes = await race(50, () => take(NOW, `run ${run}`));
        expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(10);
      }
    });

    it('what was given back is given again, and of 50 at once no more than that', async () => {
      await takeAll();
      await race(3, () => giveBack());
      const outcomes = await race(50, () => take());
      expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(3);
    });

    it('giving back never makes more than the count', async () => {
      await race(5, () => giveBack());
      await take();
      await race(20, () => giveBack());
      expect(await takeAll()).toBe(10);
    });

    it('what the time gave back is not given back twice', async () => {
      await take();
      await giveBack(NOW + EVERY);
      expect(await takeAll(NOW + EVERY)).toBe(10);
    });

    it('the window gives back evenly: one for each part of it, none earlier, never more than the count', async () => {
      await takeAll();
      expect((await take(NOW + EVERY - 1)).kind).toBe('exhausted');
      expect(await takeAll(NOW + EVERY)).toBe(1);
      expect(await takeAll(NOW + 4 * EVERY)).toBe(3);
      expect(await takeAll(NOW + 4.5 * EVERY)).toBe(0);
      expect(await takeAll(NOW + 5 * EVERY)).toBe(1);
      expect(await takeAll(NOW + 100 * EVERY)).toBe(10);
    });

    it('who waits as long as was said gets one, whatever the rate', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 1, max: 1000 }),
          fc.constantFrom(1000, 60_000, 3_600_000, 7, 0.5),
          fc.integer({ min: 0, max: 10 }),
          fc.uuid(),
          async (count, windowMilliseconds, later, key) => {
            const rate = { count, windowMilliseconds };
            const outcomes = await race(count, () => take(NOW, key, rate));
            expect(outcomes.every(({ kind }) => kind === 'taken')).toBe(true);
            let now = NOW + (later / 10) * (windowMilliseconds / count);
            let outcome: AttemptOutcome = { kind: 'taken', remaining: 0 };
            for (let more = 0; outcome.kind === 'taken' && more < 2; more += 1)
              outcome = await take(now, key, rate);
            if (outcome.kind === 'taken') throw new Error('more than the count was given');
            expect(outcome.retryAfterMilliseconds).toBeGreaterThanOrEqual(1);
            expect(Number.isSafeInteger(outcome.retryAfterMilliseconds)).toBe(true);
            now += outcome.retryAfterMilliseconds;
            expect((await take(now, key, rate)).kind).toBe('taken');
          },
        ),
        { numRuns: 15 },
      );
    });

    it('a clock that goes back gives nothing, takes nothing away, and is waited for', async () => {
      expect((await take()).kind).toBe('taken');
      expect(await take(NOW - 10 * MINUTE)).toEqual({ kind: 'taken', remaining: 8 });
      await giveBack(NOW - 10 * MINUTE);
      expect(await takeAll(NOW - 10 * MINUTE)).toBe(9);
      expect(await take(NOW - MINUTE)).toEqual({
        kind: 'exhausted',
        retryAfterMilliseconds: MINUTE + EVERY,
      });
      expect((await take(NOW + EVERY - 1)).kind).toBe('exhausted');
      expect(await takeAll(NOW + EVERY)).toBe(1);
    });

    it('a clock that goes back and forth gives no more than the time that passed', async () => {
      await takeAll();
      const outcomes = await race(40, (index) => take(NOW - (index % 2) * MINUTE + EVERY));
      expect(outcomes.filter(({ kind }) => kind === 'taken')).toHaveLength(1);
    });

    it('a rate that was changed counts from now on', async () => {
      await takeAll();
      const half = { count: 5, windowMilliseconds: MINUTE };
      expect(await take(NOW, 'key', half)).toEqual({ kind: 'exhausted', retryAfterMilliseconds: MINUTE / 5 });
      expect(await take(NOW, 'key', { count: 12, windowMilliseconds: MINUTE })).toMatchObject({
        kind: 'taken',
      });
    });

    it('buckets do not touch each other, whatever characters their keys hold', async () => {
      const keys = [
        '\ud800',
        '\ud801',
        '\ufffd',
        '%uD800',
        '%EF%BF%BD',
        'n\0',
        'n',
        '',
        ':',
        'x'.repeat(100_000),
      ];
      for (const key of keys)
        expect(await take(NOW, key), JSON.stringify(key)).toMatchObject({ remaining: 9 });
      for (const key of keys)
        expect(await take(NOW, key), JSON.stringify(key)).toMatchObject({ remaining: 8 });
    });

    it('a bucket that is not full is kept while others around it become full', async () => {
      const slow = { count: 10, windowMilliseconds: 100 * MINUTE };
      for (let taken = 0; taken < 10; taken += 1) await take(NOW, 'slow', slow);
      await race(50, (index) => take(NOW, `short${index}`));
      await race(50, (index) => take(NOW + MINUTE, `later${index}`));
      expect((await take(NOW + MINUTE, 'slow', slow)).kind).toBe('exhausted');
    });

    it('any takes, returns and clocks come to what the bucket says', async () => {
      const step = fc.record({
        isTake: fc.boolean(),
        after: fc.double({ min: -2 * EVERY, max: 3 * EVERY, noNaN: true }),
      });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          const key = `run ${(run += 1)}`;
          const rate = { count: 3, windowMilliseconds: MINUTE };
          let now = NOW;
          let bucket: LeakyBucket | undefined;
          for (const { isTake, after } of steps) {
            now += after;
            if (isTake) {
              const expected = takeAttempt(bucket, rate, now);
              bucket = expected.bucket ?? bucket;
              expect(await take(now, key, rate)).toEqual(expected.outcome);
            } else {
              if (bucket !== undefined) bucket = giveBackAttempt(bucket, rate, now);
              await giveBack(now, key, rate);
            }
          }
        }),
        { numRuns: 20 },
      );
    });

    it('a time or rate that is none is refused, and takes nothing', async () => {
      await expect(take(Number.NaN)).rejects.toThrow(RangeError);
      await expect(giveBack(Infinity)).rejects.toThrow(RangeError);
      for (const rate of [
        { count: 0, windowMilliseconds: MINUTE },
        { count: 1.5, windowMilliseconds: MINUTE },
        { count: 1, windowMilliseconds: 0 },
        { count: 1, windowMilliseconds: Number.NaN },
      ]) {
        await expect(take(NOW, 'key', rate)).rejects.toThrow(RangeError);
        await expect(giveBack(NOW, 'key', rate)).rejects.toThrow(RangeError);
      }
      expect(await takeAll()).toBe(10);
    });
  });
}
