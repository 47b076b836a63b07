import { type Agent, request } from 'node:http';
import { REQUEST_PATH } from '../load/request.ts';
import type { KnownKey } from './bulk-load.ts';
import { ADMIN_TOKEN, type GatewayOnRedis } from './gateway-on-redis.ts';

/** What one revocation came to at one replica, in milliseconds after the administrator had the answer. */
export interface Delay {
  /** Until the answer to the first refused request; 0 if one was refused before the acknowledgement. */
  readonly refusedMs: number;
  /** Requests sent after the acknowledgement that were admitted all the same. */
  readonly admittedAfter: number;
}

interface Answer {
  readonly status: number;
  readonly sentAt: number;
  readonly answeredAt: number;
}

const GIVE_UP_MS = 10_000;

/** Revokes at the one replica, and asks each of the others again and again, from before the revocation until it refuses. */
export async function revokeAndWatch(
  agent: Agent,
  first: GatewayOnRedis,
  others: readonly GatewayOnRedis[],
  { id, key }: KnownKey,
): Promise<readonly Delay[]> {
  const asking = others.map(
    ({ port }) =>
      () =>
        send(agent, 'GET', port, REQUEST_PATH, { 'x-api-key': key }),
  );
  await Promise.all(asking.map(askUntilAdmitted));
  const authorization = `Bearer ${ADMIN_TOKEN}`;
  const revoke = () => send(agent, 'POST', first.adminPort, `/v1/keys/${id}/revoke`, { authorization });
  const [revoked, ...answers] = await Promise.all([revoke(), ...asking.map(askUntilRefused)]);
  if (revoked.status !== 200) throw new Error(`the revocation was answered ${revoked.status}`);
  const acknowledgedAt = revoked.answeredAt;
  return answers.map((ofOne) => ({
    refusedMs: Math.max(0, (ofOne.at(-1)?.answeredAt ?? 0) - acknowledgedAt),
    admittedAfter: ofOne.filter(({ status, sentAt }) => status === 200 && sentAt > acknowledgedAt).length,
  }));
}

/** Refused to save work, on a busy machine: it says nothing about the key. */
const BUSY = 503;

async function askUntilAdmitted(ask: () => Promise<Answer>): Promise<void> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  for (;;) {
    const { status, sentAt } = await ask();
    if (status === 200) return;
    if (status !== BUSY || sentAt > giveUpAt)
      throw new Error(`a key that is not revoked was answered ${status}`);
  }
}

async function askUntilRefused(ask: () => Promise<Answer>): Promise<readonly Answer[]> {
  const giveUpAt = performance.now() + GIVE_UP_MS;
  const answers: Answer[] = [];
  for (;;) {
    const answer = await ask();
    answers.push(answer);
    if (answer.status === 401) return answers;
    if (answer.status !== 200 && answer.status !== BUSY)
      throw new Error(`a key that is being revoked was answered ${answer.status}`);
    if (answer.sentAt > giveUpAt) throw new Error('a revoked key is never refused');
  }
}

function send(
  agent: Agent,
  method: string,
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sentAt = performance.now();
  request({ host: '127.0.0.1', port, path, method, headers, agent }, (response) => {
    response.resume();
    response.once('end', () =>
      resolve({ status: response.statusCode ?? 0, sentAt, answeredAt: performance.now() }),
    );
    response.once('error', reject);
  })
    .once('error', reject)
    .end();
  return promise;
}
