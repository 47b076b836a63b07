import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatRate, parseRate } from '../../src/base/rate.ts';

it('a rate is written as it is read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 999_999_999 }), fc.constantFrom('s', 'min', 'h'), (count, unit) => {
      const text = `${count}/${unit}`;
      const rate = parseRate(text);
      expect(rate?.count).toBe(count);
      expect(rate && formatRate(rate)).toBe(text);
    }),
  );
});

it.each([
  '',
  '1',
  '1/',
  '/s',
  '0/s',
  '-1/s',
  '1.5/s',
  '1/d',
  '1/ms',
  '01/s',
  ' 1/s',
  '1/s ',
  '1e3/s',
  '1000000000/s',
])('%j is none', (text) => {
  expect(parseRate(text)).toBeUndefined();
});
