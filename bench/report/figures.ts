import type { Window } from '../load/orders.ts';
import { median, percentile } from '../measure/percentile.ts';
import type { Samples } from '../measure/suite.ts';
import { BASELINES } from '../targets/table.ts';

/** CPU microseconds of the target per response. */
export interface CpuFigures {
  readonly p10: number;
  readonly median: number;
  readonly windows: number;
  /** Median over the quiet windows; `null` when there were fewer than `ENOUGH_QUIET_WINDOWS`. */
  readonly quietMedian: number | null;
  readonly quietWindows: number;
}

/** How many times the CPU of a baseline, by each of the three figures. */
export interface Ratio {
  readonly p10: number;
  readonly median: number;
  readonly quietMedian: number | null;
}

export interface LatencyFigures {
  /** Of all requests. */
  readonly p50: number;
  /** Median over the slices of one second, so that one stall of the machine does not decide it. */
  readonly p99: number;
  /** Of all requests, the stalls with them. */
  readonly p99Overall: number;
  readonly requests: number;
}

/** What is known of one target. A group is `null` when the target failed before it was measured. */
export interface Figures {
  readonly name: string;
  readonly about: string;
  readonly failure: string | null;
  readonly cpuMicroseconds: CpuFigures | null;
  /** Keyed by the name of the baseline; a baseline that did not run is left out. */
  readonly ratios: Readonly<Record<string, Ratio>>;
  readonly throughput: {
    readonly requestsPerSecondMedian: number;
    readonly requestsPerSecondP90: number;
    /** Share of the core that the target used, median over the windows. Well below 1, the load was the limit. */
    readonly coreUse: number;
  } | null;
  readonly latencyMicroseconds: LatencyFigures | null;
  readonly residentBytes: number | null;
  readonly startUpMs: { readonly median: number; readonly starts: number } | null;
}

/** A median over fewer would change from run to run. */
const ENOUGH_QUIET_WINDOWS = 10;

function wallMicroseconds(window: Window): number {
  return (window.endMs - window.startMs) * 1000;
}

function cpuPerResponse(windows: readonly Window[]): number[] {
  // A window without any response is a stall of the machine: it counts as throughput, but has no cost per response.
  return windows
    .filter((window) => window.responses > 0)
    .map((window) => window.cpuMicroseconds / window.responses);
}

function cpuFigures({ windows, quiet }: Samples): CpuFigures | null {
  const all = cpuPerResponse(windows);
  const undisturbed = cpuPerResponse(quiet);
  const p10 = percentile(all, 0.1);
  const middle = median(all);
  if (p10 === undefined || middle === undefined) return null;
  const enough = undisturbed.length >= ENOUGH_QUIET_WINDOWS;
  return {
    p10,
    median: middle,
    windows: all.length,
    quietMedian: enough ? (median(undisturbed) ?? null) : null,
    quietWindows: undisturbed.length,
  };
}

function throughput({ windows }: Samples): Figures['throughput'] {
  const rates = windows.map((window) => (window.responses / wallMicroseconds(window)) * 1_000_000);
  const middle = median(rates);
  const p90 = percentile(rates, 0.9);
  const coreUse = median(windows.map((window) => window.cpuMicroseconds / wallMicroseconds(window)));
  if (middle === undefined || p90 === undefined || coreUse === undefined) return null;
  return { requestsPerSecondMedian: middle, requestsPerSecondP90: p90, coreUse };
}

function latency({ latencies }: Samples): LatencyFigures | null {
  const all = latencies.flat();
  const p50 = median(all);
  const p99 = median(latencies.flatMap((slice) => percentile(slice, 0.99) ?? []));
  const p99Overall = percentile(all, 0.99);
  if (p50 === undefined || p99 === undefined || p99Overall === undefined) return null;
  return { p50, p99, p99Overall, requests: all.length };
}

function startUp({ startUpsMs }: Samples): Figures['startUpMs'] {
  const middle = median(startUpsMs);
  return middle === undefined ? null : { median: middle, starts: startUpsMs.length };
}

function ratio(own: CpuFigures, baseline: CpuFigures): Ratio {
  return {
    p10: own.p10 / baseline.p10,
    median: own.median / baseline.median,
    quietMedian:
      own.quietMedian === null || baseline.quietMedian === null
        ? null
        : own.quietMedian / baseline.quietMedian,
  };
}

/** The figures of a suite, in the order of its targets. */
export function figuresOf(samples: readonly Samples[]): readonly Figures[] {
  const cpu = new Map(samples.map((sample) => [sample.target.name, cpuFigures(sample)]));
  return samples.map((sample) => {
    const own = cpu.get(sample.target.name) ?? null;
    const ratios: Record<string, Ratio> = {};
    for (const baseline of BASELINES) {
      const theirs = cpu.get(baseline) ?? null;
      if (own !== null && theirs !== null) ratios[baseline] = ratio(own, theirs);
    }
    return {
      name: sample.target.name,
      about: sample.target.about,
      failure: sample.failure ?? null,
      cpuMicroseconds: own,
      ratios,
      throughput: throughput(sample),
      latencyMicroseconds: latency(sample),
      residentBytes: sample.residentBytes ?? null,
      startUpMs: startUp(sample),
    };
  });
}
