import { expect, test } from 'vitest';
import type { Window } from '../../../bench/load/orders.ts';
import type { Samples } from '../../../bench/measure/suite.ts';
import { figuresOf } from '../../../bench/report/figures.ts';

function windowsOf(...cpuMicroseconds: readonly number[]): Window[] {
  return cpuMicroseconds.map((cpu, index) => ({
    startMs: index * 50,
    endMs: (index + 1) * 50,
    responses: 1000,
    cpuMicroseconds: cpu * 1000,
  }));
}

function samplesOf(name: string, windows: readonly Window[], quiet: readonly Window[]): Samples {
  const target = { name, about: name, prepare: () => ({ command: name, args: [] }) };
  return {
    target,
    windows,
    quiet,
    latencies: [
      [100, 300, 200],
      [100, 100],
      [100, 90_000],
    ],
    startUpsMs: [410, 400, 420],
    residentBytes: 82_000_000,
  };
}

const TEN_AT_30 = windowsOf(...Array.from({ length: 10 }, () => 30));
const TEN_AT_45 = windowsOf(...Array.from({ length: 10 }, () => 45));

test('each target is compared with each baseline of its suite, figure by figure', () => {
  const [, gateway] = figuresOf([
    samplesOf('bare', windowsOf(30, 40, 50), TEN_AT_30),
    samplesOf('gateway', windowsOf(60, 60, 75), TEN_AT_45),
  ]);
  expect(gateway).toEqual({
    name: 'gateway',
    about: 'gateway',
    failure: null,
    cpuMicroseconds: { p10: 60, median: 60, windows: 3, quietMedian: 45, quietWindows: 10 },
    ratios: { bare: { p10: 2, median: 1.5, quietMedian: 1.5 } },
    throughput: { requestsPerSecondMedian: 20_000, requestsPerSecondP90: 20_000, coreUse: 1.2 },
    latencyMicroseconds: { p50: 100, p99: 300, p99Overall: 90_000, requests: 7 },
    residentBytes: 82_000_000,
    startUpMs: { median: 410, starts: 3 },
  });
});

test('a handful of quiet windows is no figure, and makes no ratio', () => {
  const [, gateway] = figuresOf([
    samplesOf('bare', windowsOf(30), TEN_AT_30),
    samplesOf('gateway', windowsOf(60), TEN_AT_45.slice(1)),
  ]);
  expect(gateway?.cpuMicroseconds).toMatchObject({ quietMedian: null, quietWindows: 9 });
  expect(gateway?.ratios['bare']).toEqual({ p10: 2, median: 2, quietMedian: null });
});

test('a window without a response lowers the throughput and has no cost per response', () => {
  const stalled = { ...windowsOf(30)[0], responses: 0 } as Window;
  const [bare] = figuresOf([samplesOf('bare', [stalled, stalled, ...windowsOf(30)], [])]);
  expect(bare?.cpuMicroseconds).toMatchObject({ median: 30, windows: 1 });
  expect(bare?.throughput?.requestsPerSecondMedian).toBe(0);
});

test('a target that failed at once has its failure and no figures', () => {
  const target = { name: 'bare', about: 'bare', prepare: () => ({ command: 'bare', args: [] }) };
  const [bare] = figuresOf([
    { target, windows: [], quiet: [], latencies: [], startUpsMs: [], failure: 'exited with 1' },
  ]);
  expect(bare).toEqual({
    name: 'bare',
    about: 'bare',
    failure: 'exited with 1',
    cpuMicroseconds: null,
    ratios: {},
    throughput: null,
    latencyMicroseconds: null,
    residentBytes: null,
    startUpMs: null,
  });
});
