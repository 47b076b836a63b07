import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../../measure/clock.ts';
import type { SoakedGateway } from '../places/gateway.ts';
import { ask } from './ask.ts';
import { type Actor, publicPlace, type Stage } from './stage.ts';

/** Every so many configurations is one that must be refused. */
const BROKEN_EVERY = 4;
const LATEST_MS = 5000;
const ASKED_EVERY_MS = 50;
const SUCCESSFUL = 'gatehouse_config_last_reload_successful';

/** Another configuration at both replicas, each time with a route that only it has. */
export const reloads: Actor = {
  name: 'reloads',
  everyMs: 3000,
  async act(stage, turn) {
    const generation = turn + 1;
    await Promise.all([reload(stage, stage.plain, generation), reload(stage, stage.tls, generation)]);
  },
};

async function reload({ ledger }: Stage, gateway: SoakedGateway, generation: number): Promise<void> {
  const isBroken = generation % BROKEN_EVERY === 0;
  const sentAt = monotonicMs();
  await gateway.reload(generation, isBroken ? 'broken' : 'good');
  const isDone = async (): Promise<boolean> =>
    isBroken
      ? (await gateway.metrics()).get(SUCCESSFUL) === 0
      : (await ask({ ...publicPlace(gateway), path: `/generations/${generation}` })).outcome === '200';
  let done = false;
  while (!done && monotonicMs() < sentAt + LATEST_MS) {
    done = await isDone();
    if (!done) await sleep(ASKED_EVERY_MS);
  }
  const reached = isBroken ? 'refused as it should' : 'reloaded';
  ledger.note({
    asker: 'reload',
    outcome: done ? reached : `not ${reached}`,
    sentAt,
    answeredAt: monotonicMs(),
  });
}
