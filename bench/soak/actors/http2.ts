import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { PUBLIC_HOST } from '../../load/request.ts';
import { monotonicMs } from '../../measure/clock.ts';
import type { Outcome } from '../judge/rules.ts';
import { outcomeOf } from './ask.ts';
import { type Actor, askAndNote, publicPlace, type Stage, withKey } from './stage.ts';

const STREAMS = 10;
/** Of so many streams one is cancelled at once. */
const CANCELLED = 5;

/** A connection with some streams, of which some are cancelled; and one request by HTTP/1.1 over TLS. */
export const http2: Actor = {
  name: 'HTTP/2',
  everyMs: 250,
  async act(stage) {
    const { tls } = stage;
    const session = connect(`https://127.0.0.1:${tls.ports.public}`, {
      ca: tls.ca ?? '',
      servername: '',
    });
    // Its streams tell.
    session.on('error', () => {});
    await Promise.all(
      Array.from({ length: STREAMS }, (_, stream) => askStream(stage, session, stream % CANCELLED === 0)),
    );
    session.close();
    if (!session.destroyed) await once(session, 'close');
    await askAndNote(stage, 'TLS, HTTP/1.1', {
      ...publicPlace(tls),
      path: '/api/orders/17',
      headers: withKey(stage.key),
    });
  },
};

async function askStream(
  { ledger, key }: Stage,
  session: ClientHttp2Session,
  isCancelled: boolean,
): Promise<void> {
  const sentAt = monotonicMs();
  const { promise, resolve } = Promise.withResolvers<Outcome>();
  const stream = session.request({ ':path': '/api/orders/17', ':authority': PUBLIC_HOST, 'x-api-key': key });
  let status = 0;
  let body = '';
  stream.on('response', (fields) => {
    status = fields[':status'] ?? 0;
  });
  stream.setEncoding('latin1').on('data', (text: string) => (body += text));
  stream.once('end', () => resolve(status === 0 ? 'cut' : outcomeOf(status, body)));
  stream.once('error', () => resolve('cut'));
  stream.once('close', () => resolve(isCancelled ? 'cancelled' : 'cut'));
  if (isCancelled) stream.close(constants.NGHTTP2_CANCEL);
  const outcome = await promise;
  const told = isCancelled && outcome === 'cut' ? 'cancelled' : outcome;
  ledger.note({ asker: 'HTTP/2', outcome: told, sentAt, answeredAt: monotonicMs() });
}
