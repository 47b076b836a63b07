import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../src/base/duration.ts';
import { parseInstant } from '../../src/base/instant.ts';
import { parseSize } from '../../src/base/size.ts';

const count = fc.nat({ max: 999_999_999 });
const two = (number: number) => String(number).padStart(2, '0');
const almost = fc
  .array(
    fc.constantFrom(
      '1',
      '0',
      '9',
      'm',
      's',
      'ms',
      'h',
      'd',
      'KiB',
      'MB',
      'B',
      ' ',
      '-',
      '+',
      '.',
      'e',
      '_',
      '\n',
      '\u0661',
    ),
    { maxLength: 5 },
  )
  .map((pieces) => pieces.join(''));

describe.each([
  ['a duration', parseDuration, { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 }],
  ['a size', parseSize, { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 }],
] as const)('%s', (_, parse, units) => {
  it('is its number of its unit', () => {
    fc.assert(
      fc.property(count, fc.constantFrom(...Object.entries(units)), (number, [unit, factor]) => {
        expect(parse(`${number}${unit}`)).toBe(number * factor);
      }),
    );
  });

  it('of any text is a safe whole number, or nothing', () => {
    fc.assert(
      fc.property(fc.oneof(almost, fc.string()), (text) => {
        const read = parse(text);
        if (read === undefined) return;
        expect(Number.isSafeInteger(read) && read >= 0).toBe(true);
        expect(text).toMatch(/^\d{1,9}[A-Za-z]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an instant', () => {
  it('is the one that was written, in UTC or with its zone', () => {
    const date = fc.date({ min: new Date('1970-01-01'), max: new Date('9998-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(date, fc.integer({ min: -14 * 60, max: 14 * 60 }), (instant, offset) => {
        expect(parseInstant(instant.toISOString())).toBe(instant.getTime());
        const local = new Date(instant.getTime() + offset * 60_000);
        if (local.getUTCFullYear() < 1970 || local.getUTCFullYear() > 9998) return;
        const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
        const zone = `${offset < 0 ? '-' : '+'}${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
        expect(parseInstant(local.toISOString().replace('Z', zone))).toBe(instant.getTime());
      }),
    );
  });

  it('is none of a day that no calendar has', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1970, max: 2100 }),
        fc.integer({ min: 0, max: 99 }),
        fc.integer({ min: 0, max: 99 }),
        (year, month, day) => {
          const date = new Date(Date.UTC(year, month - 1, day));
          const isReal =
            date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
          expect(parseInstant(`${year}-${two(month)}-${two(day)}`)).toBe(isReal ? date.getTime() : undefined);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
