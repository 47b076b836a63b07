/** `npm run bench`: measures proxies against each other. Exit code 1 when a target failed, 2 for a wrong command line. */
import { once } from 'node:events';
import { cpus } from 'node:os';
import type { Findings } from './experiments/experiment.ts';
import { type Lab, openLab } from './measure/lab.ts';
import { measureSuite } from './measure/suite.ts';
import {
  type ExperimentOptions,
  type MeasureOptions,
  type Options,
  parseOptions,
  type Suite,
  USAGE,
  UsageError,
} from './options.ts';
import { runPeers, textIn } from './peers/run.ts';
import { profileTarget } from './profile/profile.ts';
import { figuresOf } from './report/figures.ts';
import { type MachineReport, type Report, reportText, type SuiteReport } from './report/report.ts';
import { buildGatehouse } from './targets/gatehouse-build.ts';
import type { Target } from './targets/target.ts';

async function runSuite(lab: Lab, suite: Suite, options: MeasureOptions): Promise<SuiteReport> {
  const leftOut = suite.targets.flatMap((target) => {
    const reason = target.unavailable?.();
    return reason === undefined ? [] : [{ name: target.name, reason }];
  });
  const targets = suite.targets.filter((target) => leftOut.every(({ name }) => name !== target.name));
  const samples = await measureSuite(lab, targets, options.plan, (line) => {
    process.stderr.write(`${suite.name}: ${line}\n`);
  });
  return { suite: suite.name, targets: figuresOf(samples), leftOut };
}

async function measure(lab: Lab, options: MeasureOptions): Promise<Report> {
  const suites: SuiteReport[] = [];
  for (const suite of options.suites) suites.push(await runSuite(lab, suite, options));
  return { machine: machineOf(lab), plan: options.plan, suites };
}

function machineOf(lab: Lab): MachineReport {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}`,
    cores: lab.cores,
  };
}

interface Outcome {
  readonly text: string;
  readonly exitCode: 0 | 1;
}

/** Progress goes to stderr, line by line. */
async function experiment(lab: Lab, options: ExperimentOptions): Promise<Outcome> {
  const { name } = options.experiment;
  const progress = (line: string): void => void process.stderr.write(`${name}: ${line}\n`);
  let findings: Findings;
  try {
    findings = await options.experiment.run(lab, options.plan, progress);
  } catch (error) {
    return { text: `FAILED: ${error instanceof Error ? error.message : String(error)}`, exitCode: 1 };
  }
  const report = { machine: machineOf(lab), plan: options.plan, [name]: findings.figures };
  return {
    text: options.output === 'json' ? JSON.stringify(report, null, 2) : findings.text,
    exitCode: 0,
  };
}

async function run(lab: Lab, options: Options): Promise<Outcome> {
  if (options.kind === 'experiment') return experiment(lab, options);
  if (options.kind === 'peers') {
    const report = await runPeers(lab, machineOf(lab), options);
    const isFailed = report.groups.some(({ paths }) => paths.some(({ failure }) => failure !== null));
    return { text: textIn(options.output, report), exitCode: isFailed ? 1 : 0 };
  }
  if (options.kind === 'profile') return { text: await profileTarget(lab, options), exitCode: 0 };
  const report = await measure(lab, options);
  const isFailed = report.suites.some(({ targets }) => targets.some(({ failure }) => failure !== null));
  return {
    text: options.output === 'json' ? JSON.stringify(report, null, 2) : reportText(report),
    exitCode: isFailed ? 1 : 0,
  };
}

/** What is to be done before any process is started. */
function preparationsOf(options: Options): ReadonlySet<Target['makeReady']> {
  switch (options.kind) {
    case 'experiment':
    case 'peers':
      return new Set([buildGatehouse]);
    case 'profile':
      return new Set([options.target.makeReady]);
    case 'measure':
      return new Set(options.suites.flatMap(({ targets }) => targets).map((target) => target.makeReady));
  }
}

/** Resolves with the exit code of the shell's convention, 128 + the signal's number. */
async function interruption(): Promise<number> {
  return await Promise.race([
    once(process, 'SIGINT').then(() => 130),
    once(process, 'SIGTERM').then(() => 143),
  ]);
}

async function bench(options: Options): Promise<number> {
  const interrupted = interruption();
  try {
    for (const makeReady of preparationsOf(options)) makeReady?.();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
  const lab = await openLab();
  const finished = run(lab, options);
  // Interrupted, it fails when the lab closes under it: nobody waits for that.
  finished.catch(() => {});
  try {
    const outcome = await Promise.race([finished, interrupted]);
    if (typeof outcome === 'number') return outcome;
    process.stdout.write(`${outcome.text}\n`);
    return outcome.exitCode;
  } finally {
    await lab.close();
  }
}

async function main(args: readonly string[]): Promise<number> {
  try {
    const options = parseOptions(args);
    if (options === 'help') {
      process.stdout.write(USAGE);
      return 0;
    }
    if (process.platform !== 'linux') {
      throw new UsageError(
        'The benchmark reads CPU times from /proc and pins processes: it runs on Linux only.',
      );
    }
    return await bench(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}

process.exit(await main(process.argv.slice(2)));
