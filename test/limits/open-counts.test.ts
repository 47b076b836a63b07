import { expect, it } from 'vitest';
import { OpenCounts } from '../../src/limits/open-counts.ts';

it('lets as many enter as there may be, and as many again as leave', () => {
  const counts = new OpenCounts();
  expect([counts.enter('a', 2), counts.enter('a', 2), counts.enter('a', 2)]).toEqual([true, true, false]);
  expect(counts.enter('b', 1)).toBe(true);
  counts.leave('a');
  expect([counts.enter('a', 2), counts.enter('a', 2)]).toEqual([true, false]);
});

it('takes a limit that was lowered for what enters, and lets the others go on', () => {
  const counts = new OpenCounts();
  counts.enter('a', 3);
  counts.enter('a', 3);
  expect(counts.enter('a', 1)).toBe(false);
  counts.leave('a');
  expect(counts.enter('a', 1)).toBe(false);
  counts.leave('a');
  expect(counts.enter('a', 1)).toBe(true);
});
