import { expect, test } from 'vitest';
import { parseFileLimit, parsePortRange, possibleConnections } from '../../../bench/peers/limits.ts';

const HEADING = 'Limit                     Soft Limit           Hard Limit           Units     \n';

test('the hard limit of open files counts, since every process may raise its own to that', () => {
  expect(
    parseFileLimit(
      `${HEADING}Max open files            1024                 20000                files     \n`,
    ),
  ).toBe(20_000);
  expect(
    parseFileLimit(
      `${HEADING}Max open files            1024                 unlimited            files     \n`,
    ),
  ).toBe(Number.POSITIVE_INFINITY);
  expect(() => parseFileLimit(HEADING)).toThrow('no limit of open files');
});

test('as many idle connections are opened as were asked for, or as files and ports allow', () => {
  const ports = parsePortRange('32768\t60999\n');
  expect(ports).toBe(28_232);
  expect(possibleConnections(10_000, 20_000, ports)).toBe(10_000);
  expect(possibleConnections(10_000, 4096, ports)).toBe(3096);
  expect(possibleConnections(100_000, Number.POSITIVE_INFINITY, ports)).toBe(27_232);
  expect(possibleConnections(10_000, 500, ports)).toBe(0);
});
