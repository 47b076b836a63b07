/**
 * Run as a process of its own by rotation-crash.test.ts: trades the credential that it reads from its standard input, and kills
 * itself on the way. `answer`: while the answer is made. `storing`: with the compare-and-set under way. `stored`: right after it.
 */
import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import pino from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import { Secret } from '../../src/base/secret.ts';
import { encryptionKeyOf } from '../../src/keys/encryption-key.ts';
import type { SessionStore } from '../../src/sessions/session-store.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { LIVES, traded } from './rotation-options.ts';
import { openPlace } from './store-place.ts';

export type CrashPoint = 'answer' | 'storing' | 'stored';

const [place = '', kind = '', point = '', now = ''] = process.argv.slice(2);
const stores = await openPlace(place);

const sessions: SessionStore = {
  ...stores.sessions,
  async replace(session, expectedRevision) {
    const outcome = stores.sessions.replace(session, expectedRevision);
    // Some of these come before the store has it, and some after.
    if (point === 'storing') setTimeout(die, Math.random() * 3);
    await outcome;
    die();
    return outcome;
  },
};

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}

const service = createSessionService({
  sessions,
  encryptionKeys: [encryptionKeyOf('crashing', randomBytes(32))],
  clock: systemClock,
  log: pino({ level: 'silent' }),
});
const options = traded(kind === 'refresh' ? 'refresh' : 'rememberMe');
await service.rotate(
  new Secret(await text(process.stdin)),
  LIVES,
  {
    ...options,
    async answer(renewed) {
      if (point === 'answer') die();
      return options.answer(renewed);
    },
  },
  Number(now),
);
