import type { EpochMilliseconds } from '../base/clock.ts';

/** RFC 6265 §5.1.1: `delimiter`. */
const DELIMITER = /[\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+/;
const TIME = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)/;
const DAY = /^(\d{1,2})(?:\D|$)/;
const MONTH = /^(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i;
const YEAR = /^(\d{2,4})(?:\D|$)/;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const FIRST_YEAR = 1601;

/** The date of an Expires attribute, read as RFC 6265 §5.1.1 says, in any of its many shapes; `undefined` = it is none. */
export function parseCookieDate(text: string): EpochMilliseconds | undefined {
  let time: RegExpExecArray | undefined;
  let day: number | undefined;
  let month: number | undefined;
  let year: number | undefined;
  for (const token of text.split(DELIMITER)) {
    const found = time === undefined ? TIME.exec(token) : null;
    if (found !== null) time = found;
    else if (day === undefined && DAY.test(token)) day = Number.parseInt(token, 10);
    else if (month === undefined && MONTH.test(token))
      month = MONTHS.indexOf(token.slice(0, 3).toLowerCase());
    else if (year === undefined && YEAR.test(token)) year = fullYear(Number.parseInt(token, 10));
  }
  if (time === undefined || day === undefined || month === undefined || year === undefined) return undefined;
  const [hour, minute, second] = [Number(time[1]), Number(time[2]), Number(time[3])];
  if (day < 1 || year < FIRST_YEAR || hour > 23 || minute > 59 || second > 59) return undefined;
  const at = new Date(Date.UTC(year, month, day, hour, minute, second));
  // A day that the month does not have has moved on to the next one.
  return at.getUTCDate() === day ? at.getTime() : undefined;
}

/** Two digits are of this century up to 69, else of the last one. */
function fullYear(year: number): number {
  if (year >= 100) return year;
  return year < 70 ? year + 2000 : year + 1900;
}
