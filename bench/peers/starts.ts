import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab, RunningTarget } from '../measure/lab.ts';
import { residentBytes } from '../measure/processes.ts';
import type { Progress } from '../measure/suite.ts';
import type { IdleMemory, PeerPlan } from './samples.ts';
import { inTurn, pidsOf, type Subject, textOf } from './subjects.ts';

/** Until what was opened and answered has been dealt with. */
const SETTLE_MS = 1000;

/** Starts each again, alone; what was started last holds idle connections before it is stopped. */
export async function measureStarts(
  lab: Lab,
  subjects: readonly Subject[],
  plan: PeerPlan,
  progress: Progress,
): Promise<void> {
  for (let round = 1; round < plan.startUps; round += 1) {
    const isLast = round === plan.startUps - 1;
    progress(`start-up ${round + 1} of ${plan.startUps}${isLast ? ', and idle connections' : ''}`);
    await inTurn(subjects, round, async (subject) => {
      const again = await lab.launch(subject.path.target);
      subject.startUpsMs.push(again.startUpMs);
      try {
        if (isLast) subject.idle = await holdIdle(lab, again, plan.idleConnections);
      } catch (error) {
        subject.faults.idle = again.ending() ?? textOf(error);
      } finally {
        await again.stop();
      }
    });
  }
}

async function holdIdle(lab: Lab, running: RunningTarget, connections: number): Promise<IdleMemory> {
  const beforeBytes = residentBytes(...pidsOf(running));
  await lab.load.run({
    kind: 'hold',
    port: running.port,
    request: running.requests[0] ?? '',
    connections,
  });
  await sleep(SETTLE_MS);
  const bytes = residentBytes(...pidsOf(running));
  const open = await lab.load.run({ kind: 'release' });
  return { connections: open, beforeBytes, bytes };
}
