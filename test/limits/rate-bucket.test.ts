import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { type LeakyBucket, takeAttempt } from '../../src/limits/leaky-bucket.ts';
import { RateBucket } from '../../src/limits/rate-bucket.ts';
import { createRateLimiter } from '../../src/limits/rate-limiter.ts';
import { heapBytes } from '../support/heap.ts';

describe('a bucket of a rate limit', () => {
  it('alone, decides as the leaky bucket of failed attempts does, whatever comes when', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 100_000 }),
        fc.array(fc.integer({ min: -50, max: 5000 }), { maxLength: 100 }),
        (count, windowMilliseconds, steps) => {
          const rate = { count, windowMilliseconds };
          let now = 1_000_000;
          let model: LeakyBucket | undefined;
          // Before all steps, since some go back.
          const bucket = new RateBucket('key', rate, 0);
          for (const step of steps) {
            now += step;
            const { outcome, bucket: next = model } = takeAttempt(model, rate, now);
            model = next;
            const wait = bucket.waitFor(rate, now);
            if (outcome.kind === 'exhausted') {
              // Fractions are added up in another order.
              expect(Math.abs(wait - outcome.retryAfterMilliseconds)).toBeLessThanOrEqual(1);
              continue;
            }
            expect(wait).toBe(0);
            bucket.use(rate, now);
            expect(bucket.remaining(rate, now)).toBe(outcome.remaining);
          }
        },
      ),
    );
  });

  it('follows a rate that a reload changed, from what is used', () => {
    const bucket = new RateBucket('key', { count: 10, windowMilliseconds: 1000 }, 0);
    for (let use = 0; use < 10; use += 1) bucket.use({ count: 10, windowMilliseconds: 1000 }, 0);
    expect(bucket.remaining({ count: 15, windowMilliseconds: 1000 }, 0)).toBe(5);
    expect(bucket.waitFor({ count: 5, windowMilliseconds: 1000 }, 0)).toBe(1200);
  });

  it('takes less than a kilobyte, and 100,000 of them are the most', async () => {
    const limiter = createRateLimiter({
      store: { add: async () => 0 },
      clock: () => 0,
      log: pino({ level: 'silent' }),
    });
    const rate = { count: 10, windowMilliseconds: 1000 };
    const before = heapBytes();
    for (let index = 0; index < 110_000; index += 1) limiter.bucketOf(`principal:user-${index}`, rate, 0);
    const each = (heapBytes() - before) / limiter.size();
    process.stdout.write(`a bucket of a rate limit takes ${Math.round(each)} bytes\n`);
    expect(limiter.size()).toBe(100_000);
    expect(each).toBeLessThan(1000);
    await limiter.close();
  });
});
