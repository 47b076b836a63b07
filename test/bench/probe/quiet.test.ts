import { expect, test } from 'vitest';
import type { Window } from '../../../bench/load/orders.ts';
import { quietWindows } from '../../../bench/probe/quiet.ts';

function window(startMs: number): Window {
  return { startMs, endMs: startMs + 50, responses: 1, cpuMicroseconds: 1 };
}

test('a window is quiet when its typical probe was as fast as the fast ones of the run', () => {
  const calm = window(0);
  const slowed = window(50);
  const readings = [
    ...[5, 15, 25, 35].map((atMs) => ({ atMs, microseconds: 30 })),
    // One probe that was interrupted does not make the window noisy.
    { atMs: 45, microseconds: 400 },
    ...[55, 65, 75].map((atMs) => ({ atMs, microseconds: 34 })),
  ];
  expect(quietWindows([calm, slowed], readings)).toEqual([calm]);
});

test('a window that no probe fell into is not known to be quiet', () => {
  expect(quietWindows([window(1000)], [{ atMs: 5, microseconds: 30 }])).toEqual([]);
  expect(quietWindows([window(0)], [])).toEqual([]);
});
