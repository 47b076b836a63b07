import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { monotonicMs } from '../../measure/clock.ts';
import type { Outcome } from '../judge/rules.ts';
import { outcomeOf } from './ask.ts';
import { issueKey, revokeKey } from './keys.ts';
import { type Actor, type Stage, withKey } from './stage.ts';

const OPEN_MS = 300;
const CLOSED_WITHIN_MS = 6000;

/** Opened, spoken to, and closed: by the client, by the upstream, without a word, or since its key was revoked. */
export const webSockets: Actor = {
  name: 'WebSockets',
  everyMs: 100,
  async act(stage, turn) {
    if (turn % 4 === 3) return openAndRevoke(stage);
    const sentAt = monotonicMs();
    const opened = await open(stage, stage.key);
    const note = (outcome: Outcome): void =>
      stage.ledger.note({ asker: 'WebSocket', outcome, sentAt, answeredAt: monotonicMs() });
    if (typeof opened === 'string') return note(opened);
    const closing = closingOf(opened);
    opened.send('hello');
    note(await Promise.race([once(opened, 'message').then(() => 'echoed'), closing]));
    await sleep(OPEN_MS);
    if (turn % 4 === 0) opened.close(1000);
    else if (turn % 4 === 1) opened.send('close');
    else opened.terminate();
    note(await closing);
  },
};

async function openAndRevoke(stage: Stage): Promise<void> {
  const issued = await issueKey(stage, stage.plain);
  if (issued === undefined) return;
  const sentAt = monotonicMs();
  const opened = await open(stage, issued.key);
  if (typeof opened === 'string')
    return stage.ledger.note({ asker: 'WebSocket', outcome: opened, sentAt, answeredAt: monotonicMs() });
  const closing = closingOf(opened);
  await revokeKey(stage, stage.plain, issued.id);
  const patience = new AbortController();
  const late = sleep(CLOSED_WITHIN_MS, 'still open', { signal: patience.signal }).catch(() => 'still open');
  const outcome = await Promise.race([closing, late]);
  patience.abort();
  opened.terminate();
  stage.ledger.note({ asker: 'WebSocket of a revoked key', outcome, sentAt, answeredAt: monotonicMs() });
}

/** Or what was answered in place of it. */
async function open({ plain }: Stage, key: string): Promise<WebSocket | Outcome> {
  const { promise, resolve } = Promise.withResolvers<WebSocket | Outcome>();
  const socket = new WebSocket(`ws://127.0.0.1:${plain.ports.public}/live`, { headers: withKey(key) });
  socket.once('open', () => resolve(socket));
  socket.on('error', () => resolve('cut'));
  socket.once('unexpected-response', (_, answer) => {
    let body = '';
    answer.setEncoding('latin1').on('data', (text: string) => (body += text));
    answer.once('close', () => resolve(outcomeOf(answer.statusCode ?? 0, body)));
  });
  return await promise;
}

function closingOf(socket: WebSocket): Promise<Outcome> {
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  socket.once('close', (code) => resolve(`closed ${code}`));
  return promise;
}
