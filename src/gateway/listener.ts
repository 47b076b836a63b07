import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import https from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import type { Settings } from '../config/schema/config.ts';
import type { ListenPlace } from '../config/schema/scalars.ts';
import { DENY_CODES } from '../http/deny-codes.ts';
import { boundConnections } from './bounded-connections.ts';
import { denyCodeOf, isSilent, sendConnectionError } from './connection-errors.ts';
import { runExchange } from './exchange.ts';
import { createHttp2Sessions, divertHttp2 } from './http2-sessions.ts';
import { listenOn } from './listen.ts';
import { isListed, normaliseAddress } from './peer.ts';
import type { ExchangeContext, Reception } from './reception.ts';
import { recordEnd } from './records.ts';
import type { Runtime } from './runtime.ts';
import { createTurns } from './turns.ts';
import { watchUnread } from './unread-answers.ts';
import { receiveUpgrade } from './upgrade.ts';
import { takesConnection } from './web-socket-request.ts';
import { WELL_KNOWN_JWKS, type WellKnown } from './well-known.ts';

/** What a listener needs for TLS. */
export interface TlsMaterial {
  /** Certificate chain and private key in PEM. */
  readonly cert: string;
  readonly key: string;
  /** Clients may choose HTTP/2. Open listeners stay as they are. */
  readonly http2: boolean;
}

export interface ListenerOptions {
  readonly address: ListenPlace;
  readonly limits: Settings['limits'];
  readonly tls: TlsMaterial | undefined;
  /** The generation of the configuration that a request which begins now uses. */
  readonly currentRuntime: () => Runtime;
  readonly wellKnown: WellKnown;
  readonly context: ExchangeContext;
}

export interface Listener {
  readonly port: number;
  /** New connections get these; open ones keep theirs. Throws if the material does not fit together. */
  setTls(material: TlsMaterial): void;
  /**
   * Stops accepting, lets requests in flight finish for at most `drainMilliseconds`, then closes what is left. Resolves
   * with the number of connections that had to be cut.
   */
  close(drainMilliseconds: number): Promise<number>;
}

/** The public listener: every request goes through the exchange; nothing else answers but well-known documents. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { limits, context, currentRuntime, wellKnown } = options;
  let isDraining = false;
  const sockets = new Set<Socket>();
  /** What requests come on: with TLS not the socket that was accepted, but the one over it. */
  const speaking = options.tls === undefined ? sockets : new Set<Socket>();
  const turns = createTurns();

  function receive(
    received: IncomingMessage,
    response: ServerResponse,
    expectation: Reception['expectation'],
    upgrade: Reception['upgrade'],
  ): void {
    if (!turns.begin(received.socket, response)) return;
    response.on('error', ignoreError);
    if (isDraining) goWith(response);
    if (received.url === WELL_KNOWN_JWKS) {
      wellKnown.answerJwks(received, response);
      return;
    }
    const { socket } = received;
    runExchange(
      {
        received,
        response,
        peerAddress: socket.remoteAddress ?? '',
        isTls: options.tls !== undefined,
        expectation,
        upgrade,
      },
      currentRuntime(),
      context,
    );
  }
  /** While the listener drains, a connection goes with its last answer, even if that had promised to keep it. */
  function goWith(response: ServerResponse): void {
    if (!response.headersSent) response.shouldKeepAlive = false;
    const { socket } = response.req;
    response.once('close', () => {
      if (turns.latest(socket) === response) socket.destroySoon();
    });
  }

  const serverOptions = {
    maxHeaderSize: limits.fieldBytes,
    headersTimeout: limits.headerTimeout,
    // The time of a whole request is not bounded: an upload may take long. Pauses in it are, by the exchange.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAlive,
    connectionsCheckingInterval: Math.min(1_000, limits.headerTimeout),
    insecureHTTPParser: false,
    // Judged by the exchange, so that the refusal is recorded like any other.
    requireHostHeader: false,
    shouldUpgradeCallback: (received: IncomingMessage) =>
      turns.isFree(received.socket) &&
      takesConnection(
        received,
        currentRuntime(),
        normaliseAddress(received.socket.remoteAddress ?? ''),
        options.tls !== undefined,
      ),
    noDelay: true,
    // A request without a body has no stream that would have to be ended.
    optimizeEmptyRequests: true,
  };
  const server =
    options.tls === undefined
      ? http.createServer(serverOptions)
      : https.createServer({
          ...serverOptions,
          ...secretsOf(options.tls),
          handshakeTimeout: limits.headerTimeout,
          ALPNProtocols: options.tls.http2 ? ['h2', 'http/1.1'] : ['http/1.1'],
        });
  const http2Sessions = createHttp2Sessions({
    limits,
    receive(received, response, expectation, peerAddress) {
      if (received.url === WELL_KNOWN_JWKS) wellKnown.answerJwks(received, response);
      else
        runExchange(
          { received, response, peerAddress, isTls: true, expectation, upgrade: undefined },
          currentRuntime(),
          context,
        );
    },
    unread: () => context.metrics.connectionCut('unread'),
    failed: (peerAddress, reason) => recordBroken(peerAddress, 'request_malformed', '', reason, undefined),
  });
  // What follows here follows only connections of HTTP/1.
  if (server instanceof https.Server) divertHttp2(server, (socket) => http2Sessions.serve(socket));
  // 0: no silent cut of fields past 2,000; the exchange counts them.
  server.maxHeadersCount = 0;
  server.on('request', (received: IncomingMessage, response: ServerResponse) =>
    receive(received, response, 'none', undefined),
  );
  server.on('checkContinue', (received: IncomingMessage, response: ServerResponse) =>
    receive(received, response, 'continue', undefined),
  );
  server.on('checkExpectation', (received: IncomingMessage, response: ServerResponse) =>
    receive(received, response, 'other', undefined),
  );
  server.on('upgrade', (received: IncomingMessage, _: Duplex, head: Buffer) =>
    receiveUpgrade(
      received,
      head,
      (response, upgrade) => receive(received, response, 'none', upgrade),
      () => turns.forget(received.socket),
    ),
  );
  server.on('connection', (socket: Socket) => follow(sockets, socket));
  server.on('secureConnection', (socket: Socket) => follow(speaking, socket));
  boundConnections(server, {
    most: limits.connections,
    mostPerPeer: limits.connectionsPerPeer ?? Math.ceil(limits.connections / 2),
    isExempt: (address) => isTrusted(currentRuntime(), address),
    refused: (cause) => context.metrics.connectionCut(cause),
  });
  const stopWatchingUnread = watchUnread(speaking, limits.readIdle, (socket) => {
    context.metrics.connectionCut('unread');
    socket.destroy();
  });
  server.on('connect', (received: IncomingMessage, socket: Duplex) => {
    socket.on('error', ignoreError);
    turns.fail(socket, () =>
      recordConnectionError(
        socket,
        'method_not_allowed',
        received.method ?? '',
        'CONNECT is never forwarded',
      ),
    );
  });
  server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer }, socket: Duplex) => {
    turns.fail(socket, () => {
      socket.on('error', ignoreError);
      if (error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT') context.metrics.connectionCut('handshake');
      if (isSilent(error, socket)) socket.destroy();
      else recordConnectionError(socket, denyCodeOf(error), '', error.code ?? 'unknown');
    });
  });

  function recordConnectionError(
    socket: Duplex,
    code: ReturnType<typeof denyCodeOf>,
    method: string,
    reason: string,
  ): void {
    const peer =
      'remoteAddress' in socket && typeof socket.remoteAddress === 'string' ? socket.remoteAddress : '';
    recordBroken(peer, code, method, reason, sendConnectionError(socket, code));
  }
  /** `decisionId`: undefined if the client was told none. */
  function recordBroken(
    peerAddress: string,
    code: ReturnType<typeof denyCodeOf>,
    method: string,
    reason: string,
    decisionId: string | undefined,
  ): void {
    context.metrics.requestStarted();
    recordEnd(
      {
        facts: {},
        decision: 'denied',
        code,
        reason,
        status: DENY_CODES[code].status,
        decisionId,
        method,
        peer: normaliseAddress(peerAddress),
        at: context.clock(),
        durationSeconds: 0,
      },
      currentRuntime().settings,
      context,
    );
  }

  const port = await listenOn(server, options.address);

  return {
    port,
    setTls(material) {
      if (server instanceof https.Server) server.setSecureContext(secretsOf(material));
    },
    async close(drainMilliseconds) {
      isDraining = true;
      http2Sessions.drain();
      for (const socket of speaking) {
        const response = turns.latest(socket);
        if (response?.writableFinished === false) goWith(response);
        // Not every Node counts a connection on which nothing ever came as idle.
        else if (response === undefined && socket.bytesRead === 0) socket.destroySoon();
      }
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      let cut = 0;
      const timer = setTimeout(() => {
        cut = sockets.size;
        for (const socket of sockets) socket.destroy();
      }, drainMilliseconds);
      await closed;
      clearTimeout(timer);
      stopWatchingUnread();
      return cut;
    },
  };
}

function secretsOf({ cert, key }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' };
}

function isTrusted({ trustedProxies }: Runtime, address: string): boolean {
  return trustedProxies !== undefined && isListed(trustedProxies, address);
}

/** Holds a socket for as long as it is open. */
function follow(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

function ignoreError(): void {
  // Whoever reads or writes the stream sees the close; without a listener the error would end the process.
}
