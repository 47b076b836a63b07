import { expect, test } from 'vitest';
import { parseSoakOptions, UsageError } from '../../../bench/soak/options.ts';

test('twenty minutes with one process are the default', () => {
  expect(parseSoakOptions([])).toEqual({ minutes: 20, workers: 1, output: 'table' });
});

test('minutes may be a part of one', () => {
  expect(parseSoakOptions(['--minutes', '0.15', '--workers', '2', '--output', 'json'])).toEqual({
    minutes: 0.15,
    workers: 2,
    output: 'json',
  });
});

test.each([
  [['--minutes', '0']],
  [['--minutes', '-1']],
  [['--minutes', 'long']],
  [['--minutes', '99999']],
  [['--workers', '0']],
  [['--workers', '65']],
  [['--output', 'xml']],
  [['--hours', '1']],
])('%j is refused', (args) => {
  expect(() => parseSoakOptions(args)).toThrow(UsageError);
});
