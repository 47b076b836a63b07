import { LRUCache } from 'lru-cache';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { AttemptRate } from './attempt-store.ts';
import { RateBucket } from './rate-bucket.ts';

/** Buckets by key, in memory; the one that was not used for longest is forgotten first. */
export interface RateBuckets {
  /** Makes a full one where there is none. */
  bucketOf(key: string, rate: AttemptRate, now: EpochMilliseconds): RateBucket;
  /** One that is remembered; `undefined`: nothing is known to be used of it. */
  find(key: string): RateBucket | undefined;
  /** Takes one, which must be there. */
  use(bucket: RateBucket, rate: AttemptRate, now: EpochMilliseconds): void;
  /** How many are remembered. */
  size(): number;
}

export const MOST_BUCKETS = 100_000;

/** Buckets that no other process shares. */
export function createRateBuckets(most: number = MOST_BUCKETS): RateBuckets {
  const buckets = new LRUCache<string, RateBucket>({
    max: most,
    dispose(bucket) {
      bucket.isForgotten = true;
    },
  });
  return {
    bucketOf(key, rate, now) {
      const known = buckets.get(key);
      if (known !== undefined) return known;
      const bucket = new RateBucket(key, rate, now);
      buckets.set(key, bucket);
      return bucket;
    },
    find: (key) => buckets.peek(key),
    use: (bucket, rate, now) => bucket.use(rate, now),
    size: () => buckets.size,
  };
}
