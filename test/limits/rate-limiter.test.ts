import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { createRateLimiter, type RateLimiter } from '../../src/limits/rate-limiter.ts';
import type { UsageStore } from '../../src/limits/usage-store.ts';
import { createUsageStore } from '../../src/stores/embedded/usages.ts';
import { until } from '../support/redis.ts';

const RATE = { count: 100, windowMilliseconds: 100_000 };

let now: number;
let isAway: boolean;
/** What the store was told: uses by report. */
let reports: number[];
let store: UsageStore;
let log: string[];
let limiters: RateLimiter[];

beforeEach(() => {
  now = 1_000_000;
  isAway = false;
  reports = [];
  log = [];
  limiters = [];
  const kept = createUsageStore(() => now);
  // The embedded adapter, cut off at will.
  store = {
    async add(key, rate, uses) {
      if (isAway) throw new StoreUnavailable('cut off by the test');
      reports.push(uses);
      return kept.add(key, rate, uses);
    },
  };
});
afterEach(() => Promise.all(limiters.map((limiter) => limiter.close())));

function open(mostBuckets?: number): RateLimiter {
  const limiter = createRateLimiter({
    store,
    clock: () => now,
    log: pino({ level: 'info' }, { write: (line) => void log.push(line) }),
    ...(mostBuckets !== undefined && { mostBuckets }),
  });
  limiters.push(limiter);
  return limiter;
}

/** How many of `most` requests in a row are admitted. */
function admit(limiter: RateLimiter, most: number, key = 'key'): number {
  const bucket = limiter.bucketOf(key, RATE, now);
  let admitted = 0;
  for (; admitted < most && bucket.waitFor(RATE, now) === 0; admitted += 1) limiter.use(bucket, RATE, now);
  return admitted;
}

const remaining = (limiter: RateLimiter, key = 'key') =>
  limiter.bucketOf(key, RATE, now).remaining(RATE, now);
const told = (total: number) =>
  until(`${total} are told`, () => reports.reduce((sum, uses) => sum + uses, 0) === total);

describe('a rate limiter', () => {
  it('decides without waiting for the store: exactly its count at once, then evenly', () => {
    const limiter = open();
    expect(admit(limiter, 1000)).toBe(100);
    expect(limiter.bucketOf('key', RATE, now).waitFor(RATE, now)).toBe(1000);
    now += 999;
    expect(admit(limiter, 1)).toBe(0);
    now += 1;
    expect(admit(limiter, 5)).toBe(1);
    now += 3_600_000;
    expect(admit(limiter, 1000)).toBe(100);
  });

  it('a clock that goes back gives nothing and takes nothing', () => {
    const limiter = open();
    admit(limiter, 100);
    now -= 50_000;
    expect(admit(limiter, 1)).toBe(0);
    now += 51_000;
    expect(admit(limiter, 5)).toBe(1);
  });

  it('tells a new bucket at once, and later ones together; what the other admitted is then known', async () => {
    const [one, other] = [open(), open()];
    expect(admit(one, 30)).toBe(30);
    await told(30);
    expect(reports).toEqual([30]);
    expect(admit(other, 1)).toBe(1);
    await told(31);
    await until('the other knows', () => remaining(other) === 69);
    // A tenth of what is left is told at once, less than that within the tick.
    expect(admit(one, 3)).toBe(3);
    expect(reports).toEqual([30, 1]);
    await told(34);
    await until('the one knows', () => remaining(one) === 66);
  });

  it('has never two reports of one bucket under way', async () => {
    let running = 0;
    let most = 0;
    const inner = store;
    store = { add: slowly };
    const limiter = open();
    async function slowly(...report: Parameters<UsageStore['add']>): Promise<number> {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return inner.add(...report);
    }
    for (let round = 0; round < 20; round += 1) {
      admit(limiter, 5);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await told(100);
    expect(most).toBe(1);
  });

  it('while the store is away it goes on alone and says so once; what it admitted is told when the store is back', async () => {
    const [one, other] = [open(), open()];
    isAway = true;
    expect(admit(one, 60)).toBe(60);
    await until('it is alone', () => one.isAlone());
    expect(admit(one, 1000)).toBe(40);
    expect(admit(other, 1)).toBe(1);
    await until('the other is alone', () => other.isAlone());
    isAway = false;
    await until('it is not alone', () => !one.isAlone() && !other.isAlone());
    await told(101);
    await until('the one knows', () => one.bucketOf('key', RATE, now).waitFor(RATE, now) >= 1000);
    const lines = log.map((line) => (JSON.parse(line) as { msg: string }).msg);
    expect(lines.filter((line) => line.includes('on its own'))).toHaveLength(2);
    expect(lines.filter((line) => line.includes('again'))).toHaveLength(2);
  });

  it('a long outage is not held against anyone afterwards', async () => {
    const limiter = open();
    isAway = true;
    for (let second = 0; second < 500; second += 1) {
      admit(limiter, 1);
      now += 1000;
    }
    await until('it is alone', () => limiter.isAlone());
    isAway = false;
    admit(limiter, 1);
    await until('it is told', () => reports.length > 0);
    expect(reports[0]).toBeLessThanOrEqual(1);
    await until('it is not alone', () => !limiter.isAlone());
    expect(admit(limiter, 1000)).toBeGreaterThanOrEqual(98);
  });

  it('forgets the least recently used bucket beyond the most it may remember, and asks the store for it anew', async () => {
    const limiter = open(10);
    admit(limiter, 100, 'first');
    const first = limiter.bucketOf('first', RATE, now);
    await told(100);
    for (let index = 0; index < 10; index += 1) limiter.bucketOf(`key ${index}`, RATE, now);
    expect(limiter.size()).toBe(10);
    expect(first.isForgotten).toBe(true);
    expect(admit(limiter, 1, 'first')).toBe(1);
    await until('it is known', () => limiter.bucketOf('first', RATE, now).waitFor(RATE, now) > 0);
  });

  it('tells what is left to tell when it closes', async () => {
    const limiter = open();
    admit(limiter, 1);
    await told(1);
    await until('it is known', () => !limiter.bucketOf('key', RATE, now).hasNews());
    admit(limiter, 3);
    await limiter.close();
    expect(reports).toEqual([1, 3]);
  });
});
