import { parseArgs } from 'node:util';
import type { Experiment, ExperimentPlan } from './experiments/experiment.ts';
import { EXPERIMENTS } from './experiments/table.ts';
import type { Plan } from './measure/suite.ts';
import type { PeerOrder } from './peers/run.ts';
import type { PeerPlan } from './peers/samples.ts';
import { PEER_NAMES } from './peers/table.ts';
import type { ProfileOrder } from './profile/profile.ts';
import { SUITES, TARGETS, TARGETS_PER_SUITE } from './targets/table.ts';
import type { Target } from './targets/target.ts';

export interface Suite {
  readonly name: string;
  readonly targets: readonly Target[];
}

export interface MeasureOptions {
  readonly kind: 'measure';
  readonly suites: readonly Suite[];
  readonly output: 'table' | 'json';
  readonly plan: Plan;
}

export interface ExperimentOptions {
  readonly kind: 'experiment';
  readonly experiment: Experiment;
  readonly output: 'table' | 'json';
  readonly plan: ExperimentPlan;
}

export type Options =
  | MeasureOptions
  | ExperimentOptions
  | ({ readonly kind: 'profile' } & ProfileOrder)
  | ({ readonly kind: 'peers' } & PeerOrder);

const DEFAULT_SUITE = 'proxy';

export const USAGE = `Usage: npm run bench [-- [suite …] [options]]
       npm run bench -- --peers [--quick] [--targets a,b] [--seconds N] [--output FORMAT]
       npm run bench -- experiment [--count N] [--output FORMAT]

  --targets a,b     measure only these of each suite (or, without a suite, any of the targets)
  --seconds N       closed-loop load per target (default 20)
  --rate N          requests per second of the latency measurement (default 2000)
  --quick           a first impression, ten seconds per target
  --peers           whole paths against those of others, in three groups; about eleven minutes
  --output FORMAT   table (default) or json; with --peers also markdown, a section for docs/performance.md
  --cpu-prof DIR    measure nothing: profile the one target of --targets and leave its .cpuprofile in DIR
  --help

Suites: ${Object.keys(SUITES).join(', ')} (default ${DEFAULT_SUITE})
Experiments:
${EXPERIMENTS.map(({ name, about, counted, defaults }) => `  ${name.padEnd(28)}${about}; --count: ${counted} (default ${defaults.count})`).join('\n')}
Paths of --peers: ${PEER_NAMES.join(', ')}
Targets:
${TARGETS.map((target) => `  ${target.name.padEnd(28)}${target.about}`).join('\n')}
`;

/** A command line that cannot be carried out. The message says why, for people. */
export class UsageError extends Error {}

const FULL: Plan = {
  connections: 64,
  warmUpSeconds: 3,
  closedLoopSeconds: 20,
  fixedRateSeconds: 7,
  ratePerSecond: 2000,
  windowMs: 50,
  startUps: 5,
};
const QUICK: Plan = { ...FULL, warmUpSeconds: 1, closedLoopSeconds: 3, fixedRateSeconds: 2, startUps: 2 };

const PEERS: PeerPlan = {
  connections: 64,
  warmUpSeconds: 1.5,
  getSeconds: 8,
  halfLoadSeconds: 4,
  otherSeconds: 2,
  windowMs: 50,
  sliceMs: 1000,
  startUps: 3,
  idleConnections: 10_000,
};
const QUICK_PEERS: PeerPlan = {
  ...PEERS,
  warmUpSeconds: 1,
  getSeconds: 2,
  halfLoadSeconds: 1,
  otherSeconds: 1,
  startUps: 2,
};

const PROFILE_SECONDS = 10;

function positiveInteger(option: string, text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text))
    throw new UsageError(`${option}: found ${text}, expected a whole number above 0`);
  return Number(text);
}

function findTarget(name: string): Target {
  const target = TARGETS.find((candidate) => candidate.name === name);
  if (target !== undefined) return target;
  throw new UsageError(
    `found target ${name}, expected one of ${TARGETS.map((candidate) => candidate.name).join(', ')}`,
  );
}

function namesOf(suite: string): readonly string[] {
  const names = Object.hasOwn(SUITES, suite) ? SUITES[suite] : undefined;
  if (names !== undefined) return names;
  throw new UsageError(`found suite ${suite}, expected one of ${Object.keys(SUITES).join(', ')}`);
}

function selectSuites(suites: readonly string[], only: readonly string[] | undefined): readonly Suite[] {
  if (suites.length === 0 && only !== undefined) {
    return [{ name: 'selection', targets: only.map(findTarget) }];
  }
  return (suites.length === 0 ? [DEFAULT_SUITE] : suites).map((suite) => {
    const names = namesOf(suite).filter((name) => only === undefined || only.includes(name));
    return { name: suite, targets: names.map(findTarget) };
  });
}

function profileOptions(name: string | undefined): { readonly kind: 'profile'; readonly target: Target } {
  if (name === undefined) throw new UsageError('--cpu-prof: expected one target in --targets');
  const target = findTarget(name);
  if (target.isNode !== true)
    throw new UsageError(`--cpu-prof: found ${name}, expected a target that runs on Node`);
  return { kind: 'profile', target };
}

function peerOptions(
  output: PeerOrder['output'],
  isQuick: boolean,
  seconds: number | undefined,
  only: readonly string[] | undefined,
): { readonly kind: 'peers' } & PeerOrder {
  const unknown = only?.find((name) => !PEER_NAMES.includes(name));
  if (unknown !== undefined)
    throw new UsageError(`--peers: found target ${unknown}, expected one of ${PEER_NAMES.join(', ')}`);
  const base = isQuick ? QUICK_PEERS : PEERS;
  return { kind: 'peers', plan: { ...base, getSeconds: seconds ?? base.getSeconds }, output, only };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        targets: { type: 'string' },
        seconds: { type: 'string' },
        rate: { type: 'string' },
        count: { type: 'string' },
        quick: { type: 'boolean', default: false },
        output: { type: 'string', default: 'table' },
        'cpu-prof': { type: 'string' },
        peers: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : 'unreadable command line');
  }
}

function isPeerOutput(output: string): output is PeerOrder['output'] {
  return output === 'table' || output === 'json' || output === 'markdown';
}

/** `'help'` when that was asked for. Throws UsageError. */
export function parseOptions(args: readonly string[]): Options | 'help' {
  const { values, positionals } = parse(args);
  if (values.help) return 'help';
  const seconds = values.seconds === undefined ? undefined : positiveInteger('--seconds', values.seconds);
  if (values.peers) {
    if (!isPeerOutput(values.output))
      throw new UsageError(`--output: found ${values.output}, expected table, json or markdown`);
    if (positionals.length > 0) throw new UsageError(`--peers: found suite ${positionals[0]}, expected none`);
    return peerOptions(values.output, values.quick, seconds, values.targets?.split(','));
  }
  if (values.output !== 'table' && values.output !== 'json') {
    throw new UsageError(`--output: found ${values.output}, expected table or json`);
  }
  if (values['cpu-prof'] !== undefined) {
    return {
      ...profileOptions(values.targets),
      folder: values['cpu-prof'],
      seconds: seconds ?? PROFILE_SECONDS,
    };
  }
  const experiment = EXPERIMENTS.find(({ name }) => name === positionals[0]);
  if (experiment !== undefined && positionals.length === 1) {
    return {
      kind: 'experiment',
      experiment,
      output: values.output,
      plan: {
        ...experiment.defaults,
        ...(values.count !== undefined && { count: positiveInteger('--count', values.count) }),
      },
    };
  }
  if (values.count !== undefined) throw new UsageError('--count: only experiments count');
  const suites = selectSuites(positionals, values.targets?.split(','));
  for (const { name, targets } of suites) {
    if (targets.length === 0) throw new UsageError(`no target of suite ${name} is selected`);
    if (targets.length > TARGETS_PER_SUITE) {
      throw new UsageError(
        `suite ${name} has ${targets.length} targets, expected at most ${TARGETS_PER_SUITE}`,
      );
    }
  }
  const base = values.quick ? QUICK : FULL;
  return {
    kind: 'measure',
    suites,
    output: values.output,
    plan: {
      ...base,
      closedLoopSeconds: seconds ?? base.closedLoopSeconds,
      ratePerSecond: values.rate === undefined ? base.ratePerSecond : positiveInteger('--rate', values.rate),
    },
  };
}
