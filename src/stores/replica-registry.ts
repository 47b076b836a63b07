import type { EpochMilliseconds } from '../base/clock.ts';

/** What one gateway process says of itself to the others on the same store. */
export interface ReplicaReport {
  /** Of the process: one that starts anew has another. */
  readonly id: string;
  readonly version: string;
  /** Of the configuration that it serves. */
  readonly revision: string;
  readonly startedAt: EpochMilliseconds;
  /** Of its revocation list; see `RevocationList.lag`. May be infinite. */
  readonly lagMilliseconds: number;
}

/** Who is there, for people: no decision depends on it. All methods throw `StoreUnavailable`. */
export interface ReplicaRegistry {
  /**
   * Replaces what this replica said before; forgotten after `liveMilliseconds`, measured by the store. Throws RangeError
   * unless that is a positive, finite number.
   */
  announce(report: ReplicaReport, liveMilliseconds: number): Promise<void>;
  /** Sorted by id. */
  list(): Promise<readonly ReplicaReport[]>;
  /** Forgets it at once; fine if it is not there. */
  withdraw(id: string): Promise<void>;
}

/** Throws RangeError. */
export function checkLife(liveMilliseconds: number): number {
  if (!(liveMilliseconds > 0 && Number.isFinite(liveMilliseconds)))
    throw new RangeError('A life must be a positive number of milliseconds.');
  return liveMilliseconds;
}

export function sortReplicas<T extends Pick<ReplicaReport, 'id'>>(replicas: Iterable<T>): readonly T[] {
  return [...replicas].sort((one, other) => (one.id < other.id ? -1 : 1));
}
