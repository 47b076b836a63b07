import { setTimeout as sleep } from 'node:timers/promises';
import type { Window } from '../load/orders.ts';
import { quietWindows } from '../probe/quiet.ts';
import type { Target } from '../targets/target.ts';
import type { Lab, RunningTarget } from './lab.ts';
import { processTree, residentBytes } from './processes.ts';

export interface Plan {
  readonly connections: number;
  /** Closed-loop load that is not measured, once per target. */
  readonly warmUpSeconds: number;
  /** Measured closed-loop load per target, in slices of one second. */
  readonly closedLoopSeconds: number;
  readonly fixedRateSeconds: number;
  readonly ratePerSecond: number;
  readonly windowMs: number;
  readonly startUps: number;
}

/** What was seen of one target. With a `failure`, what was seen before it. */
export interface Samples {
  readonly target: Target;
  readonly windows: readonly Window[];
  /** Those of `windows` in which the probe saw nothing slow the core down. */
  readonly quiet: readonly Window[];
  /** Microseconds, slice by slice of one second. */
  readonly latencies: readonly (readonly number[])[];
  readonly startUpsMs: readonly number[];
  readonly residentBytes?: number;
  readonly failure?: string;
}

interface Subject {
  readonly target: Target;
  running?: RunningTarget;
  readonly windows: Window[];
  readonly latencies: (readonly number[])[];
  readonly startUpsMs: number[];
  residentBytes?: number;
  failure?: string;
}

export type Progress = (line: string) => void;

/** At the start of each slice: connections are opened and caches warmed again, and nothing is counted. */
const SLICE_WARM_UP_MS = 150;
const SLICE_MS = 1000;
const IDLE_BEFORE_MEMORY_MS = 2000;

/** Does the step for each target that has not failed, in turn. Who begins changes with the round. */
async function inTurn(
  subjects: readonly Subject[],
  round: number,
  step: (subject: Subject, running: RunningTarget) => Promise<void>,
): Promise<void> {
  const first = round % subjects.length;
  for (const subject of [...subjects.slice(first), ...subjects.slice(0, first)]) {
    if (subject.failure !== undefined || subject.running === undefined) continue;
    try {
      await step(subject, subject.running);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      subject.failure = subject.running.ending() ?? reason;
    }
  }
}

async function launchAll(lab: Lab, targets: readonly Target[], progress: Progress): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const target of targets) {
    progress(`starting ${target.name}`);
    const subject: Subject = { target, windows: [], latencies: [], startUpsMs: [] };
    subjects.push(subject);
    try {
      subject.running = await lab.launch(target);
    } catch (error) {
      subject.failure = error instanceof Error ? error.message : String(error);
    }
  }
  return subjects;
}

/** Measures the targets against each other, in slices of one second, so that all see the same weather. */
export async function measureSuite(
  lab: Lab,
  targets: readonly Target[],
  plan: Plan,
  progress: Progress,
): Promise<readonly Samples[]> {
  const subjects = await launchAll(lab, targets, progress);
  const closedLoop = (running: RunningTarget, durationMs: number): Promise<readonly Window[]> =>
    lab.load.run({
      kind: 'closedLoop',
      port: running.port,
      requests: running.requests,
      connections: plan.connections,
      warmUpMs: SLICE_WARM_UP_MS,
      durationMs,
      pids: running.processes.flatMap(({ pid }) => processTree(pid)),
      windowMs: plan.windowMs,
    });

  progress('warm-up');
  await inTurn(subjects, 0, async (_subject, running) => {
    await closedLoop(running, plan.warmUpSeconds * 1000);
  });
  const probe = lab.startProbe();
  for (let round = 0; round < plan.closedLoopSeconds; round += 1) {
    progress(`closed loop, round ${round + 1} of ${plan.closedLoopSeconds}`);
    await inTurn(subjects, round, async (subject, running) => {
      subject.windows.push(...(await closedLoop(running, SLICE_MS)));
    });
  }
  const readings = await probe.finish();
  for (let round = 0; round < plan.fixedRateSeconds; round += 1) {
    progress(`${plan.ratePerSecond} requests/s, round ${round + 1} of ${plan.fixedRateSeconds}`);
    await inTurn(subjects, round, async (subject, running) => {
      const latencies = await lab.load.run({
        kind: 'fixedRate',
        port: running.port,
        requests: running.requests,
        connections: plan.connections,
        warmUpMs: SLICE_WARM_UP_MS,
        durationMs: SLICE_MS,
        ratePerSecond: plan.ratePerSecond,
      });
      subject.latencies.push(latencies);
    });
  }
  progress('memory');
  await sleep(IDLE_BEFORE_MEMORY_MS);
  await inTurn(subjects, 0, async (subject, running) => {
    subject.residentBytes = residentBytes(...running.processes.map(({ pid }) => pid));
    subject.startUpsMs.push(running.startUpMs);
    await running.stop();
  });
  for (let round = 1; round < plan.startUps; round += 1) {
    progress(`start-up, ${round + 1} of ${plan.startUps}`);
    await inTurn(subjects, round, async (subject) => {
      const again = await lab.launch(subject.target);
      subject.startUpsMs.push(again.startUpMs);
      await again.stop();
    });
  }
  return subjects.map(({ running: _running, ...samples }) => ({
    ...samples,
    quiet: quietWindows(samples.windows, readings),
  }));
}
