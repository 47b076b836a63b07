import type { Window } from '../load/orders.ts';
import type { RunningTarget } from '../measure/lab.ts';
import type { PeerPath } from './peer-path.ts';
import type { IdleMemory, Kind } from './samples.ts';

/** A path while it is measured. */
export interface Subject {
  readonly path: PeerPath;
  running?: RunningTarget;
  readonly windows: Record<Kind, Window[]>;
  readonly latencies: (readonly number[])[];
  ratePerSecond: number;
  readonly startUpsMs: number[];
  readonly faults: Partial<Record<Kind | 'halfLoad' | 'idle', string>>;
  residentBytes?: number;
  processes?: number;
  idle?: IdleMemory;
  failure?: string;
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function pidsOf({ processes }: RunningTarget): readonly number[] {
  return processes.map(({ pid }) => pid);
}

/** Does the step for each path that has not failed, in turn. Who begins changes with the round. */
export async function inTurn(
  subjects: readonly Subject[],
  round: number,
  step: (subject: Subject, running: RunningTarget) => Promise<void>,
): Promise<void> {
  const first = subjects.length === 0 ? 0 : round % subjects.length;
  for (const subject of [...subjects.slice(first), ...subjects.slice(0, first)]) {
    const { running } = subject;
    if (subject.failure !== undefined || running === undefined) continue;
    const isStopped = running.ending() !== undefined;
    try {
      await step(subject, running);
    } catch (error) {
      subject.failure = (isStopped ? undefined : running.ending()) ?? textOf(error);
      await running.stop();
    }
  }
}
