import { expect, test } from 'vitest';
import { createLedger } from '../../../bench/soak/judge/ledger.ts';
import type { Samples } from '../../../bench/soak/judge/sampler.ts';
import { failuresOf } from '../../../bench/soak/judge/verdict.ts';

/** Shorter ones do not judge the heap. */
const MINUTES = 20;

function samples(bytes: (done: number) => number, descriptors: readonly number[]): Samples {
  const seconds = MINUTES * 60;
  const readings = Array.from({ length: seconds }, (_, second) => ({
    atMs: second * 1000,
    value: bytes(second / seconds),
  }));
  return { resident: readings, heap: readings, loopLag: [], descriptors: [...descriptors] };
}

const steady = samples(() => 150e6, [30, 31, 30]);

test('a run without faults passes', () => {
  expect(failuresOf(createLedger(Date.now), [{ name: 'plain', samples: steady }])).toEqual([]);
});

test('a gateway that grows is named with what grows', () => {
  const growing = samples((done) => 150e6 + done * 120e6, [30, 30]);
  const failures = failuresOf(createLedger(Date.now), [
    { name: 'plain', samples: steady },
    { name: 'TLS', samples: growing },
  ]);
  expect(failures.map((failure) => failure.split(',', 1)[0])).toEqual([
    'TLS: heap grows',
    'TLS: resident grows',
  ]);
});

test('descriptors that stay open after each quiet moment are told', () => {
  const leaking = samples(() => 150e6, [30, 40, 50, 60]);
  expect(failuresOf(createLedger(Date.now), [{ name: 'plain', samples: leaking }])).toEqual([
    'plain: descriptors grow, 30, 40, 50, 60 at quiet moments',
  ]);
});

test('answers without an explanation are told with their number', () => {
  const ledger = createLedger(Date.now);
  ledger.note({ asker: 'steady load', outcome: 'cut', sentAt: 1, answeredAt: 2, count: 7 });
  expect(failuresOf(ledger, [])).toEqual(['7 × steady load: cut']);
});

test('more than one request of a hundred that is refused to save work is told', () => {
  const ledger = createLedger(Date.now);
  ledger.note({ asker: 'steady load', outcome: '200', sentAt: 1, answeredAt: 2, count: 980 });
  ledger.note({ asker: 'steady load', outcome: '503 overloaded', sentAt: 1, answeredAt: 2, count: 20 });
  expect(failuresOf(ledger, [{ name: 'plain', samples: steady }])).toHaveLength(1);
});
