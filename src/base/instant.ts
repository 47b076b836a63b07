import type { EpochMilliseconds } from './clock.ts';

const INSTANT = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** `2027-06-30` (UTC midnight) or an RFC 3339 time with its zone; anything else, and days that no calendar has → `undefined`. */
export function parseInstant(text: string): EpochMilliseconds | undefined {
  const milliseconds = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(milliseconds) || !isCalendarDay(text.slice(0, 10)) ? undefined : milliseconds;
}

/** Date.parse reads 2027-02-30 as 2 March. */
function isCalendarDay(day: string): boolean {
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day);
}
