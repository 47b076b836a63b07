import type { EpochMilliseconds } from '../base/clock.ts';

/** `count` at once, given back evenly over the window. */
export interface AttemptRate {
  readonly count: number;
  readonly windowMilliseconds: number;
}

export type AttemptOutcome =
  | { readonly kind: 'taken'; readonly remaining: number }
  /** `retryAfterMilliseconds`: when one will be there, at least 1. */
  | { readonly kind: 'exhausted'; readonly retryAfterMilliseconds: number };

/**
 * Leaky buckets that all replicas share. `key` is an opaque text of any length (the store hashes it): build it injectively with
 * `escapeKeyPart`. All methods throw `StoreUnavailable`.
 */
export interface AttemptStore {
  /** Takes one if there is one, atomically: of many at once, no more than are there get one. */
  take(key: string, rate: AttemptRate, now: EpochMilliseconds): Promise<AttemptOutcome>;
  /** Gives one back, since it was no failure after all. Never above `rate.count`. */
  giveBack(key: string, rate: AttemptRate, now: EpochMilliseconds): Promise<void>;
}
