import type { Cores } from '../measure/processes.ts';
import type { Plan } from '../measure/suite.ts';
import { BASELINES } from '../targets/table.ts';
import type { Figures, Ratio } from './figures.ts';
import { alignColumns } from './table.ts';

export interface SuiteReport {
  readonly suite: string;
  readonly targets: readonly Figures[];
  /** Targets that this machine cannot run, with the reason. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

export interface MachineReport {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: Cores;
}

/** All that `--output json` prints. */
export interface Report {
  readonly machine: MachineReport;
  readonly plan: Plan;
  readonly suites: readonly SuiteReport[];
}

const NOTHING = '-';

function cell(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? NOTHING : value.toFixed(digits);
}

/** By the most repeatable figure that there is. */
function ratioCell(ratio: Ratio | undefined): string {
  if (ratio === undefined) return NOTHING;
  return ratio.quietMedian === null ? `~${ratio.p10.toFixed(2)}` : ratio.quietMedian.toFixed(2);
}

const HEADINGS = [
  [
    '',
    'CPU µs/req',
    '',
    '',
    ...BASELINES.map(() => 'ratio to'),
    'req/s',
    '',
    'core',
    'latency ms',
    '',
    'RSS',
    'start',
  ],
  ['target', 'p10', 'median', 'quiet', ...BASELINES, 'median', 'p90', 'use', 'p50', 'p99', 'MB', 'ms'],
];

function row(figures: Figures): readonly string[] {
  const { cpuMicroseconds: cpu, throughput, latencyMicroseconds: latency } = figures;
  return [
    figures.name,
    cell(cpu?.p10, 1),
    cell(cpu?.median, 1),
    cell(cpu?.quietMedian, 1),
    ...BASELINES.map((baseline) => ratioCell(figures.ratios[baseline])),
    cell(throughput?.requestsPerSecondMedian, 0),
    cell(throughput?.requestsPerSecondP90, 0),
    cell(throughput?.coreUse, 2),
    cell(latency === null ? null : latency.p50 / 1000, 2),
    cell(latency === null ? null : latency.p99 / 1000, 2),
    cell(figures.residentBytes === null ? null : figures.residentBytes / 1_000_000, 0),
    cell(figures.startUpMs?.median, 0),
  ];
}

function suiteText({ suite, targets, leftOut }: SuiteReport): string {
  const quiet = targets.map((figures) => figures.cpuMicroseconds?.quietWindows ?? 0);
  const all = targets.map((figures) => figures.cpuMicroseconds?.windows ?? 0);
  return [
    `Suite ${suite}`,
    '',
    alignColumns([...HEADINGS, ...targets.map(row)]),
    '',
    `Windows per target: ${all.join(', ')}, of which quiet: ${quiet.join(', ')}.`,
    ...leftOut.map(({ name, reason }) => `Left out: ${name} (${reason}).`),
    ...targets
      .filter((figures) => figures.failure !== null)
      .map((figures) => `FAILED: ${figures.name}: ${figures.failure}`),
  ].join('\n');
}

/** For people. */
export function reportText({ machine, plan, suites }: Report): string {
  const { cores } = machine;
  return [
    `Node ${machine.node}, ${machine.platform}, ${machine.cpu}. Proxy on core ${cores.proxy}, load and upstream on core ${cores.load}.`,
    `${plan.connections} connections; ${plan.closedLoopSeconds} s of closed-loop load per target in windows of ${plan.windowMs} ms, then ${plan.fixedRateSeconds} s at ${plan.ratePerSecond} requests/s.`,
    '',
    ...suites.map((suite) => `${suiteText(suite)}\n`),
    'Ratios compare the medians over quiet windows; with ~, the p10, since too few were quiet.',
    'Where core use is well below 1, the load generator or another process was the limit, not the target.',
  ].join('\n');
}
