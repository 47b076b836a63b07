import type { ClientRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from './ask.ts';
import { type Actor, publicPlace, type Stage, withKey } from './stage.ts';

const AWAY_AFTER_MS = 50;

/** Before the answer, and in the middle of a large one. */
export const leavingClients: Actor = {
  name: 'leaving clients',
  everyMs: 150,
  async act(stage, turn) {
    const gateway = turn % 4 === 0 ? stage.tls : stage.plain;
    const path = turn % 2 === 0 ? '/faults/stall' : '/moody/large';
    await leave(stage, { ...publicPlace(gateway), path, headers: withKey(stage.key) });
  },
};

async function leave({ ledger }: Stage, question: Parameters<typeof ask>[0]): Promise<void> {
  const reply = await ask({
    ...question,
    meanwhile: (request: ClientRequest) => void sleep(AWAY_AFTER_MS).then(() => request.destroy()),
  });
  ledger.note({
    ...reply,
    asker: 'client leaves',
    outcome: reply.outcome === 'cut' ? 'left' : reply.outcome,
  });
}
