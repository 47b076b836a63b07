import { describe, expect, test } from 'vitest';
import { floorsOf, judgeFlatness, type Reading } from '../../../bench/soak/judge/flatness.ts';

const ALLOWANCE = { share: 0.05, least: 8 };
const COUNT = 240;

/** One reading a second. `value` gets the share of the run that is over. */
function readings(value: (done: number) => number): readonly Reading[] {
  return Array.from({ length: COUNT }, (_, index) => ({
    atMs: index * 1000,
    value: value(index / (COUNT - 1)),
  }));
}

function isFlat(value: (done: number) => number): boolean {
  const flatness = judgeFlatness(readings(value), ALLOWANCE);
  if (flatness.kind !== 'judged') throw new Error('not judged');
  return flatness.isFlat;
}

/** Between 0 and 40, like a heap between its collections. */
const sawtooth = (done: number) => (Math.floor(done * COUNT) % 17) * 2.5;

describe('memory is flat', () => {
  test('when it stays as it is', () => {
    expect(isFlat(() => 100)).toBe(true);
  });

  test('when it grows in the first quarter only', () => {
    expect(isFlat((done) => 100 + Math.min(done, 0.25) * 1000)).toBe(true);
  });

  test('when it goes up and down like a heap', () => {
    expect(isFlat((done) => 100 + sawtooth(done))).toBe(true);
  });

  test('when one step comes before the half and none after it', () => {
    expect(isFlat((done) => (done < 0.4 ? 100 : 140))).toBe(true);
  });

  test('when it swings up at the very end', () => {
    expect(isFlat((done) => (done > 0.95 ? 160 : 100))).toBe(true);
  });

  test('when it shrinks', () => {
    expect(isFlat((done) => 200 - 100 * done)).toBe(true);
  });
});

describe('memory is not flat', () => {
  test('when it grows steadily by more than is allowed', () => {
    expect(isFlat((done) => 100 + 30 * done)).toBe(false);
  });

  test('when a leak hides under a sawtooth', () => {
    expect(isFlat((done) => 100 + sawtooth(done) + 40 * done)).toBe(false);
  });

  test('when it grows faster and faster', () => {
    expect(isFlat((done) => 100 + 60 * done ** 3)).toBe(false);
  });
});

test('growth of a line and of medians agree on a steady leak', () => {
  const flatness = judgeFlatness(
    readings((done) => 100 + 40 * done),
    ALLOWANCE,
  );
  expect(flatness).toMatchObject({ kind: 'judged', allowed: 8 });
  if (flatness.kind !== 'judged') return;
  expect(flatness.growthOfLine).toBeCloseTo(20, 0);
  expect(flatness.growthOfMedians).toBeCloseTo(20, 0);
});

test('a share of what there is is allowed where that is more', () => {
  const flatness = judgeFlatness(
    readings(() => 1000),
    ALLOWANCE,
  );
  expect(flatness).toMatchObject({ allowed: 50 });
});

test('too few readings are not judged', () => {
  const few = readings(() => 1).slice(0, 23);
  expect(judgeFlatness(few, ALLOWANCE)).toEqual({ kind: 'tooFew', readings: 23 });
});

test('of a heap the least of each span counts', () => {
  const heap = [5, 3, 9, 8, 7].map((value, index) => ({ atMs: index * 1000, value }));
  expect(floorsOf(heap, 2000)).toEqual([
    { atMs: 1000, value: 3 },
    { atMs: 3000, value: 8 },
    { atMs: 4000, value: 7 },
  ]);
});
