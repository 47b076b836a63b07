import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/clock.ts';
import { checkAttemptRate, type LeakyBucket, leakedBucket } from '../../limits/leaky-bucket.ts';
import { MOST_BUCKETS } from '../../limits/rate-buckets.ts';
import { checkUses, MOST_COUNTS_USED, type UsageStore } from '../../limits/usage-store.ts';

/** In memory: what one process admits is known to it anyway, and a restart may give everybody a full bucket. */
export function createUsageStore(clock: Clock): UsageStore {
  const buckets = new LRUCache<string, LeakyBucket>({ max: MOST_BUCKETS });
  return {
    async add(key, rate, uses) {
      checkAttemptRate(rate);
      const most = MOST_COUNTS_USED * rate.count;
      const { used, at } = leakedBucket(buckets.get(key), rate, clock(), most);
      const bucket = { used: Math.min(most, used + checkUses(uses)), at };
      buckets.set(key, bucket);
      return bucket.used;
    },
  };
}
