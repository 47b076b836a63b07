import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { BlockList } from 'node:net';
import { denial } from '../authorization/denial.ts';
import type { Clock } from '../base/clock.ts';
import { err } from '../base/result.ts';
import type { Settings } from '../config/schema/config.ts';
import { isListed, normaliseAddress } from '../gateway/peer.ts';
import type { Recorder } from '../gateway/records.ts';
import type { Runtime } from '../gateway/runtime.ts';
import type { LoadShedder } from '../limits/load-shedder.ts';
import { answerCheck, STRANGER } from './answer-check.ts';
import { type CheckAnswer, type Dialect, plainRefusal } from './dialect.ts';
import { ENVOY_PREFIX, envoyDialect } from './envoy-dialect.ts';
import { forwardDialect } from './forward-dialect.ts';
import { nginxDialect } from './nginx-dialect.ts';

export interface ForwardAuthOptions {
  readonly limits: Settings['limits'];
  /** Proxies that may ask; `undefined`: whoever can open the socket file. */
  readonly peers: BlockList | undefined;
  readonly currentRuntime: () => Runtime;
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly loadShedder: LoadShedder;
}

/**
 * The listener for proxies that keep their own data path and ask about each request: one endpoint per dialect, never guessed from
 * whichever field is there. Any method is taken. Not listening yet.
 */
export function createForwardAuthListener(options: ForwardAuthOptions): http.Server {
  const { limits, peers, currentRuntime, recorder, clock, loadShedder } = options;

  async function receive(received: IncomingMessage, response: ServerResponse): Promise<void> {
    const peerAddress = normaliseAddress(received.socket.remoteAddress ?? '');
    const context = { peerAddress, runtime: currentRuntime(), recorder, loadShedder, now: clock() };
    const isKnown = peers === undefined || isListed(peers, peerAddress);
    const dialect = isKnown ? dialectOf(received.url ?? '') : undefined;
    if (dialect === undefined) {
      const refusal = isKnown ? denial('route_not_found', 'no endpoint of a dialect') : STRANGER;
      send(received, response, await answerCheck(err(refusal), REFUSING, context), !server.listening);
      return;
    }
    send(received, response, await answerCheck(dialect.read(received), dialect, context), !server.listening);
  }

  const server = http.createServer(
    {
      maxHeaderSize: limits.fieldBytes,
      headersTimeout: limits.headerTimeout,
      keepAliveTimeout: limits.keepAlive,
      requestTimeout: 0,
      insecureHTTPParser: false,
      noDelay: true,
    },
    (received, response) => void receive(received, response),
  );
  server.maxHeadersCount = 0;
  // What the client asked the proxy for: the check itself is an ordinary request.
  server.on(
    'checkContinue',
    (received: IncomingMessage, response: ServerResponse) => void receive(received, response),
  );
  server.on(
    'checkExpectation',
    (received: IncomingMessage, response: ServerResponse) => void receive(received, response),
  );
  return server;
}

/** Nothing is ever allowed where there is no dialect. */
const REFUSING: Pick<Dialect, 'allow' | 'refuse'> = {
  allow: () => ({ status: 403, fields: [], body: '' }),
  refuse: plainRefusal,
};

function dialectOf(url: string): Dialect | undefined {
  const end = url.indexOf('?');
  const path = end === -1 ? url : url.slice(0, end);
  if (path === '/authz/nginx') return nginxDialect;
  if (path === '/authz/forward') return forwardDialect;
  return url === ENVOY_PREFIX || url.startsWith(`${ENVOY_PREFIX}/`) || url.startsWith(`${ENVOY_PREFIX}?`)
    ? envoyDialect
    : undefined;
}

function send(
  received: IncomingMessage,
  response: ServerResponse,
  { status, fields, body }: CheckAnswer,
  isClosing: boolean,
): void {
  if (response.destroyed) return;
  const all = [...fields, 'Content-Length', String(Buffer.byteLength(body))];
  // A body that some proxies send along is of no use here; nothing behind it is read as another check. Nor is anything once we are closing.
  if (!received.complete || isClosing) {
    all.push('Connection', 'close');
    response.shouldKeepAlive = false;
  }
  response.writeHead(status, all);
  response.end(received.method === 'HEAD' ? undefined : body);
}
