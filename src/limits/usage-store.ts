import type { AttemptRate } from './attempt-store.ts';

/** A report never leaves a bucket emptier than this many times its count: what was admitted too much is paid back, but not for ever. */
export const MOST_COUNTS_USED = 2;

/**
 * What all replicas admitted together, by leaky bucket, on the clock of the store. `key` is an opaque text of any length (the store
 * hashes it): build it injectively with `escapeKeyPart`.
 */
export interface UsageStore {
  /**
   * Adds what one replica admitted since its last report, and tells how many of `rate.count` are then used, which may be a fraction and more
   * than the count. `uses`: at least 0. Throws `StoreUnavailable`.
   */
  add(key: string, rate: AttemptRate, uses: number): Promise<number>;
}

/** Throws RangeError. */
export function checkUses(uses: number): number {
  if (!Number.isFinite(uses) || uses < 0) throw new RangeError('Uses must be a number that is not negative.');
  return uses;
}
