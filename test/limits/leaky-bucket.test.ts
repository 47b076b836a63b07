import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  fullAt,
  giveBackAttempt,
  type LeakyBucket,
  SMALLEST_ATTEMPT,
  takeAttempt,
} from '../../src/limits/leaky-bucket.ts';

const NOW = 1_800_000_000_000;

const rates = fc.record({
  count: fc.integer({ min: 1, max: 5000 }),
  windowMilliseconds: fc.constantFrom(1000, 60_000, 3_600_000),
});
const gaps = fc.array(fc.double({ min: -1000, max: 10_000, noNaN: true }), { minLength: 1, maxLength: 60 });

test('over any time no more is given than the count and what that time gives back, whatever the clock does', () => {
  fc.assert(
    fc.property(rates, gaps, (rate, waits) => {
      let bucket: LeakyBucket | undefined;
      let now = NOW;
      let latest = NOW;
      let taken = 0;
      for (const wait of waits) {
        now += wait;
        latest = Math.max(latest, now);
        const { outcome, bucket: next } = takeAttempt(bucket, rate, now);
        bucket = next ?? bucket;
        if (outcome.kind === 'taken') taken += 1;
      }
      const given = ((latest - NOW) * rate.count) / rate.windowMilliseconds;
      expect(taken).toBeLessThanOrEqual(rate.count + given + 1 + SMALLEST_ATTEMPT);
    }),
  );
});

test('a bucket that is left alone until it is full gives its whole count, and what it was is of no matter', () => {
  fc.assert(
    fc.property(rates, fc.nat({ max: 6000 }), (rate, takes) => {
      let bucket: LeakyBucket | undefined;
      for (let take = 0; take < Math.min(takes, rate.count); take += 1)
        bucket = takeAttempt(bucket, rate, NOW).bucket ?? bucket;
      const now = bucket === undefined ? NOW : Math.ceil(fullAt(bucket, rate));
      expect(now - NOW).toBeLessThanOrEqual(rate.windowMilliseconds);
      const remaining = { kind: 'taken', remaining: rate.count - 1 };
      expect(takeAttempt(bucket, rate, now).outcome).toEqual(remaining);
      expect(takeAttempt(undefined, rate, now).outcome).toEqual(remaining);
    }),
  );
});

test('an attempt that is given back at once leaves the bucket as it was', () => {
  fc.assert(
    fc.property(rates, fc.double({ min: 0, max: 1, noNaN: true }), (rate, part) => {
      const before: LeakyBucket = { used: part * (rate.count - 1), at: NOW };
      const { bucket } = takeAttempt(before, rate, NOW);
      expect(bucket).toBeDefined();
      if (bucket === undefined) return;
      expect(giveBackAttempt(bucket, rate, NOW).used).toBeCloseTo(before.used, 9);
    }),
  );
});

test('what is given back to a bucket that is nearly full fills it, and no more', () => {
  const rate = { count: 10, windowMilliseconds: 60_000 };
  expect(giveBackAttempt({ used: 0.5, at: NOW }, rate, NOW)).toEqual({ used: 0, at: NOW });
});
