import type { MachineReport } from '../report/report.ts';
import { alignColumns } from '../report/table.ts';
import type { PeerCpu, PeerFigures, PeerRatio } from './figures.ts';
import type { PeerPlan } from './samples.ts';

export interface PeerGroupReport {
  readonly group: string;
  readonly about: string;
  readonly paths: readonly PeerFigures[];
  /** Paths that this machine cannot run, with the reason. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/** All that `--peers --output json` prints. */
export interface PeerReport {
  readonly machine: MachineReport;
  readonly plan: PeerPlan;
  /** By name of the program; `null` = missing. */
  readonly versions: Readonly<Record<string, string | null>>;
  readonly groups: readonly PeerGroupReport[];
}

type Row = readonly string[];

const NOTHING = '-';

function cell(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? NOTHING : value.toFixed(digits);
}

/** With `~` the median over all windows: there are too few of these for a p10 that means something. */
function shortFigure(cpu: PeerCpu | null, digits: number): string {
  if (cpu === null) return NOTHING;
  return cpu.quietMedian === null ? `~${cpu.median.toFixed(digits)}` : cpu.quietMedian.toFixed(digits);
}

function ratioCell(ratio: PeerRatio | undefined): string {
  return ratio === undefined ? NOTHING : `${ratio.isRough ? '~' : ''}${ratio.value.toFixed(2)}`;
}

function milliseconds(microseconds: number | undefined): string {
  return cell(microseconds === undefined ? undefined : microseconds / 1000, 2);
}

/** What the ratios of the group are to: the bare pass-through, @fastify/http-proxy where it is there, and Gatehouse. */
function basesOf({ paths }: PeerGroupReport): Row {
  const wanted = ['bare', 'fastify-http-proxy', 'gatehouse-bearer-assertion'];
  return wanted.filter((name) => paths.some((path) => path.name === name));
}

const SHORT: Readonly<Record<string, string>> = {
  'fastify-http-proxy': 'http-proxy',
  'gatehouse-bearer-assertion': 'Gatehouse',
};

export function costRows(group: PeerGroupReport): readonly Row[] {
  const bases = basesOf(group);
  return [
    [
      'path',
      'p10 µs',
      'median µs',
      'quiet µs',
      ...bases.map((name) => `to ${SHORT[name] ?? name}`),
      'GETs/s per core',
      'core use',
      'half load GETs/s',
      'p50 ms',
      'p99 ms',
      'p99.9 ms',
    ],
    ...group.paths.map(({ name, cpuMicroseconds: { get }, ratios, latencyMicroseconds: latency }) => [
      name,
      cell(get?.p10, 1),
      cell(get?.median, 1),
      cell(get?.quietMedian, 1),
      ...bases.map((base) => ratioCell(ratios[base])),
      cell(get?.perSecondAndCore, 0),
      cell(get?.coreUse, 2),
      cell(latency?.ratePerSecond, 0),
      milliseconds(latency?.p50),
      milliseconds(latency?.p99),
      milliseconds(latency?.p999),
    ]),
  ];
}

export function otherRows({ paths }: PeerGroupReport): readonly Row[] {
  return [
    [
      'path',
      '10 kB POST µs',
      '1 MB download µs',
      'WebSocket message µs',
      'processes',
      'RSS MB',
      'idle connections',
      'RSS MB with them',
      'kB each',
      'cold start ms',
    ],
    ...paths.map(({ name, cpuMicroseconds: cpu, processes, residentBytes, idle, startUpMs }) => [
      name,
      shortFigure(cpu.post, 1),
      shortFigure(cpu.download, 0),
      shortFigure(cpu.webSocket, 1),
      cell(processes, 0),
      cell(residentBytes === null ? null : residentBytes / 1_000_000, 0),
      cell(idle?.connections, 0),
      cell(idle === null ? null : idle.bytes / 1_000_000, 0),
      cell(idle === null ? null : idle.bytesPerConnection / 1000, 1),
      cell(startUpMs?.median, 0),
    ]),
  ];
}

/** What could not be measured, line by line. */
export function remarks({ paths, leftOut }: PeerGroupReport): readonly string[] {
  return [
    ...leftOut.map(({ name, reason }) => `Left out: ${name} (${reason}).`),
    ...paths.flatMap(({ name, failure }) => (failure === null ? [] : [`FAILED: ${name}: ${failure}`])),
    ...paths.flatMap(({ name, faults }) =>
      Object.entries(faults).map(([kind, fault]) => `Not measured: ${name}, ${kind}: ${fault}`),
    ),
  ];
}

export function versionsText(versions: PeerReport['versions']): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version ?? 'missing'}`)
    .join(', ');
}

export function planText(plan: PeerPlan): string {
  return `${plan.connections} connections; per path and group ${plan.getSeconds} s of 1 kB GETs in slices of one second, ${plan.otherSeconds} s each of 10 kB POSTs, 1 MB downloads and WebSocket messages, ${plan.halfLoadSeconds} s at half of its own throughput`;
}

/** For people, in a terminal. */
export function peerText({ machine, plan, versions, groups }: PeerReport): string {
  const { cores } = machine;
  return [
    `Node ${machine.node}, ${machine.platform}, ${machine.cpu}. All processes of a path on core ${cores.proxy}, load and upstream on core ${cores.load}.`,
    `${versionsText(versions)}.`,
    `${planText(plan)}.`,
    ...groups.flatMap((group) => [
      '',
      `Group ${group.group}: ${group.about}`,
      '',
      alignColumns(costRows(group)),
      '',
      alignColumns(otherRows(group)),
      '',
      ...remarks(group),
    ]),
    'CPU is that of all processes of a path. Ratios compare quiet medians of the group; with ~, the p10, since too few windows were quiet. POSTs, downloads and messages are quiet medians; with ~, medians.',
  ].join('\n');
}
