import { expect } from 'vitest';
import { CALLERS, type Observation } from './fault-load.ts';
import { statusWhenCalm, type Trial } from './fault-scene.ts';

/** Set it to see, for each fault, what was answered to whom in each second. */
const ARE_COUNTS_SHOWN = process.env['GATEHOUSE_FAULT_COUNTS'] === '1';

/**
 * What holds under every fault: who may pass is answered 200 or 503 and never refused, what was revoked never passes, what
 * is taken back passes no longer than `maxLag` after the acknowledgement, and public routes do not notice.
 */
export function expectPromises(trial: Trial, name: string): void {
  if (ARE_COUNTS_SHOWN) process.stdout.write(`${describeCounts(trial, name)}\n`);
  expect(trial.observations.filter((observation) => isBroken(observation, trial)).map(describe)).toEqual([]);
  const after = trial.observations.filter(({ sentAt }) => sentAt > trial.recoveredAt);
  expect(after.length).toBeGreaterThan(0);
  expect(after.filter(({ caller, status }) => status !== statusWhenCalm(caller, true)).map(describe)).toEqual(
    [],
  );
}

function isBroken({ caller, sentAt, status }: Observation, trial: Trial): boolean {
  const acknowledgedAt = trial.acknowledgedAt.get(caller);
  switch (caller) {
    case 'public':
      return status !== 200;
    case 'valid key':
    case 'uncached keys':
    case 'valid token':
      return status !== 200 && status !== 503;
    case 'revoked key':
    case 'revoked subject':
      return status !== 401 && status !== 503;
    case 'taken back key':
    case 'taken back subject':
      if (acknowledgedAt !== undefined && sentAt > acknowledgedAt + trial.maxLag) {
        return status !== 401 && status !== 503;
      }
      return status !== 200 && status !== 401 && status !== 503;
  }
}

function describe({ caller, replica, status }: Observation): string {
  return `${caller} at gateway ${replica + 1}: ${status}`;
}

/** Answers with this status to requests that were sent while the fault lasted. */
export function countDuring(trial: Trial, status: number): number {
  return during(trial).filter((observation) => observation.status === status).length;
}

function during({ observations, beganAt, endedAt }: Trial): readonly Observation[] {
  return observations.filter(({ sentAt }) => sentAt >= beganAt && sentAt < endedAt);
}

/** One line per second from the beginning of the fault, one column per caller: `200×18 503×2`. */
function describeCounts(trial: Trial, name: string): string {
  const { observations, beganAt, endedAt, recoveredAt } = trial;
  const seconds = Map.groupBy(observations, ({ sentAt }) => Math.floor((sentAt - beganAt) / 1000));
  const lasted = `lasted ${Math.round(endedAt - beganAt)} ms, recovered ${Math.round(recoveredAt - endedAt)} ms later`;
  const rows = [...seconds]
    .toSorted(([one], [other]) => one - other)
    .map(
      ([second, seen]) => `| ${[second, ...CALLERS.map((caller) => countsOf(seen, caller))].join(' | ')} |`,
    );
  return [`\n${name}: ${lasted}`, `| s | ${CALLERS.join(' | ')} |`, ...rows].join('\n');
}

function countsOf(seen: readonly Observation[], caller: string): string {
  const counts = new Map<number, number>();
  for (const observation of seen) {
    if (observation.caller === caller)
      counts.set(observation.status, (counts.get(observation.status) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([one], [other]) => one - other)
    .map(([status, count]) => `${status}×${count}`)
    .join(' ');
}
