import { expect, test } from 'vitest';
import type { Window } from '../../../bench/load/orders.ts';
import { halfOf } from '../../../bench/peers/course.ts';
import { peerFigures } from '../../../bench/peers/figures.ts';
import type { Measured, PeerSamples } from '../../../bench/peers/samples.ts';

/** Windows of 50 ms with 1000 answers each, at this CPU time for each answer. */
function windowsOf(...cpuMicroseconds: readonly number[]): Window[] {
  return cpuMicroseconds.map((cpu, index) => ({
    startMs: index * 50,
    endMs: (index + 1) * 50,
    responses: 1000,
    cpuMicroseconds: cpu * 1000,
  }));
}

const NOTHING: Measured = { all: [], quiet: [] };

function samplesOf(name: string, get: Measured, further: Partial<PeerSamples> = {}): PeerSamples {
  return {
    path: {
      target: { name, about: name, prepare: () => ({ command: name, args: [] }) },
      work: undefined,
      needs: [],
      webSockets: false,
    },
    measured: { get, post: NOTHING, download: NOTHING, webSocket: NOTHING },
    halfLoad: { ratePerSecond: 0, latencies: [] },
    startUpsMs: [],
    faults: {},
    ...further,
  };
}

function quietAt(cpu: number, count = 10): Measured {
  const windows = windowsOf(...Array.from({ length: count }, () => cpu));
  return { all: windows, quiet: windows };
}

test('each path is compared with every other of its group by quiet medians', () => {
  const [bare, asked] = peerFigures([samplesOf('bare', quietAt(20)), samplesOf('asked', quietAt(50))]);
  expect(asked?.ratios).toEqual({
    bare: { value: 2.5, isRough: false },
    asked: { value: 1, isRough: false },
  });
  expect(bare?.ratios['asked']).toEqual({ value: 0.4, isRough: false });
  expect(asked?.cpuMicroseconds.get).toMatchObject({ quietMedian: 50, perSecondAndCore: 20_000, coreUse: 1 });
});

test('with too few quiet windows the p10 is compared, and said to be rough', () => {
  const [, asked] = peerFigures([samplesOf('bare', quietAt(20)), samplesOf('asked', quietAt(50, 9))]);
  expect(asked?.ratios['bare']).toEqual({ value: 2.5, isRough: true });
  expect(asked?.cpuMicroseconds.get).toMatchObject({
    quietMedian: null,
    quietWindows: 9,
    perSecondAndCore: 20_000,
  });
});

test('half load is half of what was answered, within what the load generator can do', () => {
  expect(halfOf(windowsOf(1, 1, 1))).toBe(10_000);
  expect(halfOf(windowsOf(1).map((window) => ({ ...window, responses: 100 })))).toBe(1000);
  expect(halfOf([])).toBe(100);
});

test('tails are medians over slices, so that one stall does not decide them; the one over all is kept', () => {
  const calm = Array.from({ length: 100 }, () => 100);
  const [path] = peerFigures([
    samplesOf('path', NOTHING, {
      halfLoad: { ratePerSecond: 100, latencies: [calm, [...calm.slice(1), 90_000], calm] },
    }),
  ]);
  expect(path?.latencyMicroseconds).toEqual({
    ratePerSecond: 100,
    p50: 100,
    p99: 100,
    p999: 100,
    p999Overall: 90_000,
    requests: 300,
  });
});

test('an idle connection costs what memory grew by, over those that stayed open', () => {
  const idle = { connections: 1000, beforeBytes: 50_000_000, bytes: 70_000_000 };
  const [path, none] = peerFigures([
    samplesOf('path', NOTHING, { idle }),
    samplesOf('none', NOTHING, { idle: { ...idle, connections: 0 } }),
  ]);
  expect(path?.idle).toEqual({ ...idle, bytesPerConnection: 20_000 });
  expect(none?.idle).toBeNull();
});

test('a path that failed at once has its failure and no figures', () => {
  const [path] = peerFigures([samplesOf('path', NOTHING, { failure: 'exited with 1' })]);
  expect(path).toMatchObject({
    failure: 'exited with 1',
    cpuMicroseconds: { get: null, post: null, download: null, webSocket: null },
    ratios: {},
    latencyMicroseconds: null,
    idle: null,
    startUpMs: null,
  });
});
