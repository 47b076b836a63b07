import type { EpochMilliseconds } from '../base/clock.ts';
import type { Revocation, RevocationId, RevocationTarget } from './revocation.ts';

/** All methods throw `StoreUnavailable` when they cannot know or could not make the change durable. */
export interface RevocationStore {
  /**
   * Adds an entry and announces it on the change feed in the same atomic step. An entry for the same target that
   * has not expired by the store's clock is merged as `mergeRevocations` says, so that nothing that was revoked
   * comes back; an expired one counts as absent. Returns the merged entry, which is also the one announced.
   */
  add(revocation: Revocation): Promise<Revocation>;
  /** The entries of these targets that have not expired at `now`, in no order; a target without one is left out. */
  find(targets: readonly RevocationTarget[], now: EpochMilliseconds): Promise<readonly Revocation[]>;
  /** Every entry that has not expired at `now`. Sorted by target id. There may be a million: it takes seconds. */
  list(now: EpochMilliseconds): Promise<readonly Revocation[]>;
  /** Takes an entry back (the audit stream keeps that it was there). True if there was one. */
  remove(id: RevocationId): Promise<boolean>;
  /** Forgets entries that expired at or before `now`; returns how many. */
  prune(now: EpochMilliseconds): Promise<number>;
}
