import { setTimeout as sleep } from 'node:timers/promises';
import { TENANT } from '../../experiments/bulk-load.ts';
import { monotonicMs } from '../../measure/clock.ts';
import type { SoakedGateway } from '../places/gateway.ts';
import { type Actor, administer, askAndNote, publicPlace, type Stage, withKey } from './stage.ts';

interface IssuedKey {
  readonly id: string;
  readonly key: string;
}

/** `store.maxLag`: what a revocation is promised to take at most. */
const PROMISED_MS = 5000;
const ASKED_EVERY_MS = 20;
const AGAIN_MS = 200;
const GIVE_UP_MS = 60_000;

/** From the acknowledgement of a revocation to the first refusal by the other replica, milliseconds. */
export const lagsMs: number[] = [];

/** `undefined` if the administration did not issue one, which is noted. */
export async function issueKey(
  stage: Pick<Stage, 'ledger'>,
  gateway: SoakedGateway,
): Promise<IssuedKey | undefined> {
  const reply = await administer(stage, gateway, '/v1/keys', { tenant: TENANT, name: 'soak' });
  return reply.outcome === '201' ? (JSON.parse(reply.body) as IssuedKey) : undefined;
}

/** Again until it is acknowledged: when that was. */
export async function revokeKey(
  stage: Pick<Stage, 'ledger'>,
  gateway: SoakedGateway,
  id: string,
): Promise<number> {
  const giveUpAt = monotonicMs() + GIVE_UP_MS;
  while (monotonicMs() < giveUpAt) {
    const reply = await administer(stage, gateway, `/v1/keys/${id}/revoke`, {});
    if (reply.outcome === '200') return reply.answeredAt;
    await sleep(AGAIN_MS);
  }
  throw new Error('a revocation is never acknowledged');
}

/** A key is issued at one replica, used at both, revoked at the one, and asked for at the other until it is refused, and once more. */
export const keys: Actor = {
  name: 'keys',
  everyMs: 150,
  async act(stage, turn) {
    const [issuer, other] = turn % 2 === 0 ? [stage.plain, stage.tls] : [stage.tls, stage.plain];
    const issued = await issueKey(stage, issuer);
    if (issued === undefined) return;
    const question = { path: '/moody/orders/17', headers: withKey(issued.key) };
    for (const gateway of [issuer, other])
      await askAndNote(stage, 'new key', { ...publicPlace(gateway), ...question });
    const acknowledgedAt = await revokeKey(stage, issuer, issued.id);
    const askOther = { ...publicPlace(other), ...question };
    while (monotonicMs() < acknowledgedAt + PROMISED_MS) {
      const reply = await askAndNote(stage, 'key being revoked', askOther);
      if (reply.outcome.startsWith('401')) {
        lagsMs.push(Math.max(0, reply.answeredAt - acknowledgedAt));
        break;
      }
      await sleep(ASKED_EVERY_MS);
    }
    for (const gateway of [issuer, other])
      await askAndNote(stage, 'revoked key', { ...publicPlace(gateway), ...question });
  },
};
