import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { PUBLIC_HOST } from '../../load/request.ts';
import { monotonicMs } from '../../measure/clock.ts';
import type { Asker, Outcome } from '../judge/rules.ts';
import { outcomeOf } from './ask.ts';
import type { Actor, Stage } from './stage.ts';

const DRIP_MS = 200;
/** Longer than any patience of the gateway, with the interval in which it looks. */
const GIVE_UP_MS = 20_000;

/** One that never finishes its head, one that stops in its body, and one that does not read. */
export const slowClients: Actor = {
  name: 'slow clients',
  everyMs: 300,
  async act(stage) {
    const head = `Host: ${PUBLIC_HOST}\r\nX-Api-Key: ${stage.key}\r\n`;
    await Promise.all([
      endure(stage, 'slow head', `GET /api/x HTTP/1.1\r\n${head}`, 'drips'),
      endure(
        stage,
        'slow body',
        `POST /moody/x HTTP/1.1\r\n${head}Content-Length: 1000\r\n\r\nten bytes.`,
        'reads',
      ),
      // With `close`, so that a refusal, which is short enough to wait in the sockets, ends the connection too.
      endure(
        stage,
        'slow reader',
        `GET /moody/large HTTP/1.1\r\n${head}Connection: close\r\n\r\n`,
        'is deaf',
      ),
    ]);
  },
};

/** Sends this on a connection and waits for what the gateway does about it. */
async function endure(
  { plain, ledger }: Stage,
  asker: Asker,
  text: string,
  habit: 'drips' | 'reads' | 'is deaf',
): Promise<void> {
  const sentAt = monotonicMs();
  const socket = connect({ host: '127.0.0.1', port: plain.ports.public });
  const closed = closingOf(socket);
  let received = '';
  socket.on('data', (bytes) => (received += bytes.toString('latin1')));
  if (habit === 'is deaf') socket.pause();
  socket.write(text);
  const drip = setInterval(() => habit === 'drips' && socket.write('x'), DRIP_MS);
  // A socket that is not read does not notice its end: looked at after all patience is over.
  const waiting = new AbortController();
  const wait = (milliseconds: number) =>
    sleep(milliseconds, undefined, { signal: waiting.signal }).catch(() => {});
  if (habit === 'is deaf') await wait(DEAF_MS).then(() => socket.resume());
  await Promise.race([closed, wait(GIVE_UP_MS)]);
  waiting.abort();
  clearInterval(drip);
  const isClosed = socket.destroyed || socket.readableEnded;
  socket.destroy();
  const outcome = isClosed ? outcomeIn(received) : 'never cut';
  ledger.note({ asker, outcome, sentAt, answeredAt: monotonicMs() });
}

/** Longer than the upstream's idle patience, twice. */
const DEAF_MS = 5000;

function closingOf(socket: Socket): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => resolve());
  socket.once('end', () => resolve());
  socket.once('close', () => resolve());
  return promise;
}

/** `cut`: before the end of an answer. */
function outcomeIn(received: string): Outcome {
  const [head = '', body = ''] = received.split('\r\n\r\n', 2);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  const length = Number(/^content-length: (\d+)\r?$/im.exec(head)?.[1] ?? Number.POSITIVE_INFINITY);
  return status === undefined || body.length < length ? 'cut' : outcomeOf(Number(status), received);
}
