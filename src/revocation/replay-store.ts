import type { EpochMilliseconds } from '../base/clock.ts';

/** Single use of nonces, `jti`s and tickets. */
export interface ReplayStore {
  /**
   * True exactly once per id until `expiresAt`, whoever asks and however many ask at the same time.
   * `space` separates ids of different uses. False also when `expiresAt` is not after `now`: what is not
   * remembered cannot be single-use, so include any clock tolerance in `expiresAt`. Throws `StoreUnavailable`, on which the caller fails closed.
   */
  claim(space: string, id: string, expiresAt: EpochMilliseconds, now: EpochMilliseconds): Promise<boolean>;
}
