import type { Window } from '../load/orders.ts';
import { median, percentile } from '../measure/percentile.ts';
import type { Work } from './peer-path.ts';
import type { IdleMemory, Kind, Measured, PeerSamples } from './samples.ts';

/** CPU microseconds of all processes of a path, per answer or message. */
export interface PeerCpu {
  readonly p10: number;
  readonly median: number;
  /** Median over the quiet windows; `null` when there were too few. */
  readonly quietMedian: number | null;
  readonly windows: number;
  readonly quietWindows: number;
  readonly perSecond: number;
  /** Answers per second of CPU time: what one core would do if it did nothing else. By the best of the figures above. */
  readonly perSecondAndCore: number;
  /** Share of the core that all processes of the path used. */
  readonly coreUse: number;
}

/** Quotient of quiet medians, or of p10 (`isRough`) where one of the two has too few quiet windows. */
export interface PeerRatio {
  readonly value: number;
  readonly isRough: boolean;
}

export interface PeerLatency {
  readonly ratePerSecond: number;
  /** Microseconds. p50 is of all requests, the others are medians over slices of one second. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** Of all requests: on a shared machine, of a few stalls. */
  readonly p999Overall: number;
  readonly requests: number;
}

export interface PeerFigures {
  readonly name: string;
  readonly about: string;
  readonly work: Work | null;
  readonly failure: string | null;
  readonly faults: PeerSamples['faults'];
  readonly processes: number | null;
  /** `null` where the path was not measured with it. */
  readonly cpuMicroseconds: Readonly<Record<Kind, PeerCpu | null>>;
  /** Of 1 kB GETs, by the name of another path of the group. */
  readonly ratios: Readonly<Record<string, PeerRatio>>;
  readonly latencyMicroseconds: PeerLatency | null;
  readonly residentBytes: number | null;
  readonly idle: (IdleMemory & { readonly bytesPerConnection: number }) | null;
  readonly startUpMs: { readonly median: number; readonly starts: number } | null;
}

const ENOUGH_QUIET_WINDOWS = 10;

function perAnswer(windows: readonly Window[]): number[] {
  return windows.flatMap(({ responses, cpuMicroseconds }) =>
    responses > 0 ? [cpuMicroseconds / responses] : [],
  );
}

function cpuOf({ all, quiet }: Measured): PeerCpu | null {
  const costs = perAnswer(all);
  const undisturbed = perAnswer(quiet);
  const seconds = all.reduce((sum, { startMs, endMs }) => sum + (endMs - startMs), 0) / 1000;
  const answers = all.reduce((sum, { responses }) => sum + responses, 0);
  const cpu = all.reduce((sum, { cpuMicroseconds }) => sum + cpuMicroseconds, 0);
  const p10 = percentile(costs, 0.1);
  const middle = median(costs);
  if (p10 === undefined || middle === undefined) return null;
  const quietMedian = undisturbed.length < ENOUGH_QUIET_WINDOWS ? null : (median(undisturbed) ?? null);
  return {
    p10,
    median: middle,
    quietMedian,
    windows: costs.length,
    quietWindows: undisturbed.length,
    perSecond: answers / seconds,
    perSecondAndCore: 1_000_000 / (quietMedian ?? p10),
    coreUse: cpu / (seconds * 1_000_000),
  };
}

export function ratioOf(own: PeerCpu, other: PeerCpu): PeerRatio {
  if (own.quietMedian === null || other.quietMedian === null)
    return { value: own.p10 / other.p10, isRough: true };
  return { value: own.quietMedian / other.quietMedian, isRough: false };
}

function latencyOf({ ratePerSecond, latencies }: PeerSamples['halfLoad']): PeerLatency | null {
  const all = latencies.flat();
  const slices = (fraction: number) =>
    median(latencies.flatMap((slice) => percentile(slice, fraction) ?? []));
  const [p50, p99, p999, p999Overall] = [median(all), slices(0.99), slices(0.999), percentile(all, 0.999)];
  if (p50 === undefined || p99 === undefined || p999 === undefined || p999Overall === undefined) return null;
  return { ratePerSecond, p50, p99, p999, p999Overall, requests: all.length };
}

function idleOf(idle: IdleMemory | undefined): PeerFigures['idle'] {
  if (idle === undefined || idle.connections === 0) return null;
  return { ...idle, bytesPerConnection: (idle.bytes - idle.beforeBytes) / idle.connections };
}

/** The figures of a group, in the order of its paths, each with its ratio to each of the others that were measured. */
export function peerFigures(samples: readonly PeerSamples[]): readonly PeerFigures[] {
  const gets = samples.map(({ path, measured }) => [path.target.name, cpuOf(measured.get)] as const);
  return samples.map((sample) => {
    const { measured, startUpsMs } = sample;
    const own = cpuOf(measured.get);
    const startUp = median(startUpsMs);
    return {
      name: sample.path.target.name,
      about: sample.path.target.about,
      work: sample.path.work ?? null,
      failure: sample.failure ?? null,
      faults: sample.faults,
      processes: sample.processes ?? null,
      cpuMicroseconds: {
        get: own,
        post: cpuOf(measured.post),
        download: cpuOf(measured.download),
        webSocket: cpuOf(measured.webSocket),
      },
      ratios: Object.fromEntries(
        gets.flatMap(([name, other]) =>
          own === null || other === null ? [] : [[name, ratioOf(own, other)] as const],
        ),
      ),
      latencyMicroseconds: latencyOf(sample.halfLoad),
      residentBytes: sample.residentBytes ?? null,
      idle: idleOf(sample.idle),
      startUpMs: startUp === undefined ? null : { median: startUp, starts: startUpsMs.length },
    };
  });
}
