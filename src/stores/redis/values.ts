import type { EpochMilliseconds } from '../../base/clock.ts';

/** JSON would write NaN as null, and a key whose expiry is null lives for ever. Throws RangeError. */
export function checkTime(time: EpochMilliseconds): EpochMilliseconds {
  if (!Number.isFinite(time)) throw new RangeError('A time must be a finite number of milliseconds.');
  return time;
}

/** Redis takes a negative count for "all". Throws RangeError. */
export function checkCount(count: number): number {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new RangeError('A count must be a whole number that is not negative.');
  return count;
}

/** Throws RangeError when one of the members that are there is no time. */
export function checkTimes<T extends Record<string, unknown>>(record: T, names: readonly (keyof T)[]): void {
  for (const name of names) {
    const time = record[name];
    if (time !== undefined) checkTime(Number(time));
  }
}
