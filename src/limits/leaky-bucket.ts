import type { EpochMilliseconds } from '../base/clock.ts';
import type { AttemptOutcome, AttemptRate } from './attempt-store.ts';

/** What is remembered of one bucket. Counts attempts, not times, so that no rounding eats the last of them. */
export interface LeakyBucket {
  /** How many of `count` are taken at `at`. May be a fraction, since they are given back evenly. */
  readonly used: number;
  /** The latest moment that the bucket has seen: for it, time never goes back. */
  readonly at: EpochMilliseconds;
}

/** Times are fractions that binary numbers only come near to: this much of an attempt is not missed. */
export const SMALLEST_ATTEMPT = 1e-6;

/** A rate that gives nothing, or something at no time, is none. Throws RangeError. */
export function checkAttemptRate(rate: AttemptRate): AttemptRate {
  const { count, windowMilliseconds } = rate;
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError('The count of a rate must be a whole number of at least 1.');
  if (!Number.isFinite(windowMilliseconds) || windowMilliseconds <= 0)
    throw new RangeError('The window of a rate must be a number of milliseconds, more than 0.');
  return rate;
}

/** `bucket` is what it becomes; absent: it stays as it is. */
export function takeAttempt(
  bucket: LeakyBucket | undefined,
  rate: AttemptRate,
  now: EpochMilliseconds,
): { readonly outcome: AttemptOutcome; readonly bucket?: LeakyBucket } {
  const current = leaked(bucket, rate, now);
  const used = current.used + 1;
  const excess = used - rate.count;
  if (excess > SMALLEST_ATTEMPT) {
    const wait = (excess * rate.windowMilliseconds) / rate.count + (current.at - now);
    return { outcome: { kind: 'exhausted', retryAfterMilliseconds: Math.max(1, Math.ceil(wait)) } };
  }
  const remaining = Math.max(0, Math.floor(SMALLEST_ATTEMPT - excess));
  return { outcome: { kind: 'taken', remaining }, bucket: { used, at: current.at } };
}

/** An unknown bucket is full already. */
export function giveBackAttempt(bucket: LeakyBucket, rate: AttemptRate, now: EpochMilliseconds): LeakyBucket {
  const { used, at } = leaked(bucket, rate, now);
  return { used: Math.max(0, used - 1), at };
}

/** From when on the bucket is full, and need not be remembered. */
export function fullAt({ used, at }: LeakyBucket, rate: AttemptRate): EpochMilliseconds {
  return at + (used * rate.windowMilliseconds) / rate.count;
}

function leaked(bucket: LeakyBucket | undefined, rate: AttemptRate, now: EpochMilliseconds): LeakyBucket {
  return leakedBucket(bucket, rate, now, rate.count);
}

/** What of it is used `now`; `most`: it is taken for no emptier than that. */
export function leakedBucket(
  bucket: LeakyBucket | undefined,
  rate: AttemptRate,
  now: EpochMilliseconds,
  most: number,
): LeakyBucket {
  if (bucket === undefined) return { used: 0, at: now };
  const at = Math.max(bucket.at, now);
  const given = ((at - bucket.at) * rate.count) / rate.windowMilliseconds;
  // The rate may be another one since the configuration changed: no bucket is more than empty.
  return { used: Math.min(most, Math.max(0, bucket.used - given)), at };
}
