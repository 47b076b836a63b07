import type { Logger } from 'pino';
import type { Clock } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import type { RateBucket } from './rate-bucket.ts';
import { createRateBuckets, type RateBuckets } from './rate-buckets.ts';
import type { UsageStore } from './usage-store.ts';

/**
 * Buckets that all replicas share, decided from memory: no request waits for the store. What is admitted here is told to it behind the
 * requests, and what it answers, the sum of all replicas, takes the place of what was known. While the store is away each process goes on with
 * what it knows, and tells what it admitted when the store is back.
 */
export interface RateLimiter extends RateBuckets {
  /** The store could not be told: what other replicas admit is not known. */
  isAlone(): boolean;
  /** Tells what is left to tell, once. */
  close(): Promise<void>;
}

const TELL_EVERY_MILLISECONDS = 100;
const MOST_TOLD_AT_ONCE = 1_000;
const RETRY_EVERY_MILLISECONDS = 1_000;
/** Reports by which a store that was away is tried. */
const PROBES = 8;

export function createRateLimiter(options: {
  readonly store: UsageStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly mostBuckets?: number;
}): RateLimiter {
  const { store, clock, log } = options;
  const buckets = createRateBuckets(options.mostBuckets);
  const waiting = new Set<RateBucket>();
  let urgent: RateBucket[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isAlone = false;
  let isClosed = false;

  function wait(bucket: RateBucket): void {
    if (bucket.isBeingTold || isClosed) return;
    if (bucket.isUrgent() && !isAlone) {
      if (urgent.length === 0) setImmediate(tellUrgent);
      urgent.push(bucket);
      bucket.isBeingTold = true;
      return;
    }
    if (bucket.isWaiting) return;
    bucket.isWaiting = true;
    waiting.add(bucket);
    timer ??= setTimeout(tellWaiting, isAlone ? RETRY_EVERY_MILLISECONDS : TELL_EVERY_MILLISECONDS).unref();
  }

  function tellUrgent(): void {
    const due = urgent;
    urgent = [];
    void tell(due);
  }

  function tellWaiting(): void {
    timer = undefined;
    void tell(takeWaiting(isAlone ? PROBES : MOST_TOLD_AT_ONCE));
    if (waiting.size > 0)
      timer = setTimeout(tellWaiting, isAlone ? RETRY_EVERY_MILLISECONDS : TELL_EVERY_MILLISECONDS).unref();
  }

  function takeWaiting(most: number): readonly RateBucket[] {
    const due: RateBucket[] = [];
    for (const bucket of waiting) {
      if (due.length === most) break;
      waiting.delete(bucket);
      bucket.isWaiting = false;
      // Told by then, since it became urgent.
      if (bucket.isBeingTold || !bucket.hasNews()) continue;
      bucket.isBeingTold = true;
      due.push(bucket);
    }
    return due;
  }

  async function tell(due: readonly RateBucket[]): Promise<void> {
    if (due.length === 0) return;
    const outcomes = await Promise.all(due.map(tellOne));
    setAlone(!outcomes.includes('told'));
    for (const bucket of due) {
      bucket.isBeingTold = false;
      if (bucket.hasNews() && !bucket.isForgotten) wait(bucket);
    }
  }

  async function tellOne(bucket: RateBucket): Promise<'told' | 'failed'> {
    const now = clock();
    // What is used is not what is forgotten first, however its user holds it.
    if (!bucket.isForgotten) buckets.bucketOf(bucket.key, bucket.rate, now);
    const { untold, uses } = bucket.news(now);
    try {
      bucket.learn(await store.add(bucket.key, bucket.rate, uses), untold, clock());
      return 'told';
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) log.error({ err: error }, 'a rate limit could not be told');
      return 'failed';
    }
  }

  function setAlone(next: boolean): void {
    if (next === isAlone || isClosed) return;
    isAlone = next;
    if (next)
      log.warn(
        'the store does not take what rate limits and wrong credentials count: each process limits on its own',
      );
    else log.info('rate limits and wrong credentials are counted over all replicas again');
  }

  return {
    ...buckets,
    use(bucket, rate, now) {
      bucket.use(rate, now);
      wait(bucket);
    },
    isAlone: () => isAlone,
    async close() {
      isClosed = true;
      clearTimeout(timer);
      const due = [...urgent, ...takeWaiting(MOST_TOLD_AT_ONCE)];
      urgent = [];
      if (!isAlone) await tell(due);
      waiting.clear();
    },
  };
}
