import type { EpochMilliseconds } from '../../base/clock.ts';

/** SQLite would store NaN as NULL, and a key whose expiry is NULL lives for ever. Throws RangeError. */
export function writeTime(time: EpochMilliseconds): number {
  if (!Number.isFinite(time)) throw new RangeError('A time must be a finite number of milliseconds.');
  return time;
}

export function writeOptionalTime(time: EpochMilliseconds | undefined): number | null {
  return time === undefined ? null : writeTime(time);
}

/** SQLite takes a negative LIMIT for none at all. Throws RangeError. */
export function writeCount(count: number): number {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new RangeError('A count must be a whole number that is not negative.');
  return count;
}

export function readStrings(json: string): readonly string[] {
  return JSON.parse(json) as readonly string[];
}
