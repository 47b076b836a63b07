import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { Settings } from '../config/schema/config.ts';
import { type LeakyBucket, takeAttempt } from '../limits/leaky-bucket.ts';
import { readHttp2Head } from './http2-head.ts';
import { Http2Request } from './http2-request.ts';
import { Http2Response } from './http2-response.ts';
import type { Reception } from './reception.ts';

/** Requests that a connection may take back or break; a browser that leaves a page takes back all that it waits for. */
const RESETS = { count: 200, windowMilliseconds: 10_000 };
/** PING and SETTINGS frames: each has to be answered. */
const CONTROL_FRAMES = { count: 1_000, windowMilliseconds: 20_000 };
/** More pairs than any head within the limits has; beyond, node:http2 resets the stream before it is a request. */
const MOST_PAIRS = 4_000;
/** Beyond, node:http2 refuses new requests; what is written to a client and not sent yet is counted. */
const BASE_MEGABYTES = 10;
const MEGABYTES_PER_STREAM = 0.25;
/** For a client that does not say that it has seen the first notice of the end. */
const NOTICE_MILLISECONDS = 1_000;
/** What is left of a closed connection is given up after this time, whether or not the client closes its side. */
const LINGER_MILLISECONDS = 1_000;
/** No stream has this number yet: requests that are on their way are still taken (RFC 9113 §6.8). */
const LAST_STREAM = 2 ** 31 - 1;

export interface Http2Options {
  readonly limits: Pick<
    Settings['limits'],
    'fieldBytes' | 'headerTimeout' | 'keepAlive' | 'http2Streams' | 'readIdle'
  >;
  readonly receive: (
    received: Http2Request,
    response: Http2Response,
    expectation: Reception['expectation'],
    peerAddress: string,
  ) => void;
  /** A client left an answer unread. */
  readonly unread: () => void;
  /** The connection was closed, since it broke the protocol or flooded us. `reason`: for people inside. */
  readonly failed: (peerAddress: string, reason: string) => void;
}

/** The connections that speak HTTP/2. */
export interface Http2Sessions {
  /** A connection that agreed on `h2`. */
  serve(socket: TLSSocket): void;
  /** Tells every client that its connection closes. What is in flight is finished first. */
  drain(): void;
}

export function createHttp2Sessions(options: Http2Options): Http2Sessions {
  const { limits } = options;
  const sessions = new Set<Session>();
  const settings = {
    enableConnectProtocol: false,
    maxConcurrentStreams: limits.http2Streams,
    maxHeaderListSize: limits.fieldBytes,
  };
  let isDraining = false;
  return {
    serve(socket) {
      const session = performServerHandshake(socket, {
        maxHeaderListPairs: MOST_PAIRS,
        maxSessionMemory: BASE_MEGABYTES + limits.http2Streams * MEGABYTES_PER_STREAM,
        settings,
      });
      const served = new Session(session, socket, options);
      sessions.add(served);
      session.once('close', () => sessions.delete(served));
      if (isDraining) served.drain();
    },
    drain() {
      isDraining = true;
      for (const session of sessions) session.drain();
    },
  };
}

/** One connection, from its first frame to its last. */
class Session {
  readonly #session: ServerHttp2Session;
  readonly #socket: TLSSocket;
  readonly #peerAddress: string;
  readonly #options: Http2Options;
  readonly #ofAnswers: { readonly reset: () => void; readonly unread: () => void };
  #openStreams = 0;
  #resets: LeakyBucket | undefined;
  #controlFrames: LeakyBucket | undefined;
  #idle: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;

  constructor(session: ServerHttp2Session, socket: TLSSocket, options: Http2Options) {
    this.#session = session;
    this.#socket = socket;
    this.#peerAddress = socket.remoteAddress ?? '';
    this.#options = options;
    this.#ofAnswers = { reset: () => this.#countReset(), unread: options.unread };
    session.on('error', (error: NodeJS.ErrnoException) => this.#broke(error));
    session.on('stream', (stream, headers, _, raw) => this.#receive(stream, headers, raw));
    session.on('ping', () => this.#countControlFrame());
    session.on('remoteSettings', () => this.#countControlFrame());
    socket.once('close', () => {
      clearTimeout(this.#idle);
      clearTimeout(this.#linger);
    });
    this.#closeWhenIdleFor(options.limits.headerTimeout);
  }

  /** `0`: never. */
  #closeWhenIdleFor(milliseconds: number): void {
    clearTimeout(this.#idle);
    if (milliseconds > 0) this.#idle = setTimeout(() => this.#close(), milliseconds);
  }

  /** Takes no new request. Those that are there are answered. */
  #close(): void {
    if (!this.#isOver) this.#session.close();
    if (this.#openStreams === 0) this.#letGo();
  }

  #letGo(): void {
    this.#linger ??= setTimeout(() => this.#socket.destroy(), LINGER_MILLISECONDS);
  }

  #receive(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    stream.on('error', ignoreError);
    this.#openStreams += 1;
    clearTimeout(this.#idle);
    stream.once('close', () => {
      this.#openStreams -= 1;
      if (this.#openStreams > 0) return;
      if (this.#isOver) this.#letGo();
      else this.#closeWhenIdleFor(this.#options.limits.keepAlive);
    });
    const request = new Http2Request(stream, readHttp2Head(raw), headers);
    const response = new Http2Response(stream, request, this.#options.limits.readIdle, this.#ofAnswers);
    this.#options.receive(request, response, expectationOf(headers), this.#peerAddress);
  }

  get #isOver(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  #countReset(): void {
    const { outcome, bucket = this.#resets } = takeAttempt(this.#resets, RESETS, performance.now());
    this.#resets = bucket;
    if (outcome.kind === 'exhausted') this.#calm('too many requests were taken back or broken');
  }

  #countControlFrame(): void {
    const { outcome, bucket = this.#controlFrames } = takeAttempt(
      this.#controlFrames,
      CONTROL_FRAMES,
      performance.now(),
    );
    this.#controlFrames = bucket;
    if (outcome.kind === 'exhausted') this.#calm('too many PING or SETTINGS frames');
  }

  #calm(reason: string): void {
    if (this.#session.destroyed) return;
    this.#session.destroy(new Error(reason), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  /** A client that only went away broke nothing. */
  #broke(error: NodeJS.ErrnoException): void {
    this.#letGo();
    if (error.code === undefined || error.code.startsWith('ERR_HTTP2_'))
      this.#options.failed(this.#peerAddress, error.message);
  }

  /** Twice, so that no request is lost that the client sent before it knew (RFC 9113 §6.8). */
  drain(): void {
    if (this.#isOver) return;
    const timer = setTimeout(() => this.#close(), NOTICE_MILLISECONDS);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
    this.#session.ping(() => this.#close());
  }
}

/**
 * Hands connections that agreed on HTTP/2 to `serve`; the others go where they went before. So HTTP/1 stays node:https's own, with all its
 * limits. Before anybody else listens for connections.
 */
export function divertHttp2(server: Server, serve: (socket: TLSSocket) => void): void {
  const others = server.listeners('secureConnection');
  server.removeAllListeners('secureConnection');
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') serve(socket);
    else for (const other of others) other.call(server, socket);
  });
}

function expectationOf({ expect }: IncomingHttpHeaders): Reception['expectation'] {
  if (expect === undefined) return 'none';
  return expect.toLowerCase() === '100-continue' ? 'continue' : 'other';
}

function ignoreError(): void {
  // Whoever reads or writes the stream sees the close; without a listener the error would end the process.
}
