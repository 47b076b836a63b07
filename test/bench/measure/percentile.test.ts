import { expect, test } from 'vitest';
import { median, percentile } from '../../../bench/measure/percentile.ts';

const ONE_TO_TEN = [10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

test.each([
  [0, 1],
  [0.1, 1],
  [0.11, 2],
  [0.5, 5],
  [0.99, 10],
  [1, 10],
])('the %f fraction of one to ten, in any order, is the value at the nearest rank', (fraction, expected) => {
  expect(percentile(ONE_TO_TEN, fraction)).toBe(expected);
});

test('numbers are compared as numbers, and the caller keeps the order of its own', () => {
  const values = [100, 20, 3];
  expect(median(values)).toBe(20);
  expect(values).toEqual([100, 20, 3]);
});

test('nothing measured has no percentile, rather than zero', () => {
  expect(percentile([], 0.5)).toBeUndefined();
});
