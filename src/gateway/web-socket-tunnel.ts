import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EpochMilliseconds } from '../base/clock.ts';
import { closeFrame, FrameTracker } from '../http/web-socket-frames.ts';
import type { Principal } from '../principals/principal.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { ClosingCause, LiveConnection, LiveConnections } from './live-connections.ts';

/** After the gateway closed a WebSocket, both sides have this long to say goodbye. */
const GOODBYE_MILLISECONDS = 1_000;
/** After one side is gone, what the other has still to be given may take this long. */
const FLUSH_MILLISECONDS = 10_000;
/** Peers that vanished without a word are found out by TCP. */
const KEEP_ALIVE_MILLISECONDS = 60_000;

/** How a WebSocket ended: by one of its sides, or by the gateway. */
export type TunnelEnd = 'client' | 'upstream' | ClosingCause;

export interface TunnelParts {
  readonly client: Socket;
  readonly upstream: Duplex;
  /** Bytes that the client sent behind its handshake. */
  readonly head: Buffer;
  /** Of the 101 that the client gets. */
  readonly fields: readonly string[];
  readonly principals: readonly Principal[];
  readonly tenant: TenantId | undefined;
  readonly admittedAt: EpochMilliseconds;
  readonly live: LiveConnections;
  /** Called once. */
  readonly ended: (end: TunnelEnd) => void;
}

/** Sends the 101 and joins the two sides until one of them, or the gateway, ends it. */
export function openTunnel(parts: TunnelParts): void {
  const { client, head, fields, live } = parts;
  if (client.destroyed) {
    parts.upstream.destroy();
    parts.ended('client');
    return;
  }
  let answer = 'HTTP/1.1 101 Switching Protocols\r\n';
  for (let index = 0; index < fields.length; index += 2)
    answer += `${fields[index] ?? ''}: ${fields[index + 1] ?? ''}\r\n`;
  client.write(`${answer}\r\n`, 'latin1');
  client.setTimeout(0);
  client.setKeepAlive(true, KEEP_ALIVE_MILLISECONDS);
  if (head.length > 0) client.unshift(head);
  const tunnel = new WebSocketTunnel(parts);
  live.add(tunnel);
  tunnel.start();
}

/** A class, since ten thousand of them are held: their methods are shared, and each is little more than its two lanes. */
class WebSocketTunnel implements LiveConnection {
  readonly kind = 'websocket';
  readonly principals: readonly Principal[];
  readonly tenant: TenantId | undefined;
  readonly admittedAt: EpochMilliseconds;
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #toClient: Lane;
  readonly #toUpstream: Lane;
  readonly #live: LiveConnections;
  readonly #ended: (end: TunnelEnd) => void;
  /** Who sent the first Close frame, since it is the server that ends the connection then (RFC 6455 §7.1.1). */
  #closing: 'client' | 'upstream' | undefined;
  #isEnded = false;
  #timer: NodeJS.Timeout | undefined;

  constructor({ client, upstream, principals, tenant, admittedAt, live, ended }: TunnelParts) {
    this.principals = principals;
    this.tenant = tenant;
    this.admittedAt = admittedAt;
    this.#client = client;
    this.#upstream = upstream;
    this.#toClient = new Lane(upstream, client, () => (this.#closing ??= 'upstream'));
    this.#toUpstream = new Lane(client, upstream, () => (this.#closing ??= 'client'));
    this.#live = live;
    this.#ended = ended;
  }

  start(): void {
    this.#watch(this.#client, 'client', this.#upstream);
    this.#watch(this.#upstream, 'upstream', this.#client);
    this.#toClient.start();
    this.#toUpstream.start();
  }

  #watch(side: Duplex, name: 'client' | 'upstream', other: Duplex): void {
    side.on('end', () => this.#end(this.#closing ?? name));
    // A connection that broke is not to look as if it had been ended in order on the other side.
    side.on('error', () => other.destroy());
    side.on('close', () => {
      this.#end(this.#closing ?? name);
      if (other.destroyed) {
        clearTimeout(this.#timer);
        return;
      }
      other.end();
      // Nobody is left to take what it sends; unread, it would hide that it ends too.
      other.resume();
      this.#timer ??= setTimeout(() => other.destroy(), FLUSH_MILLISECONDS);
    });
  }

  #end(end: TunnelEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (typeof end === 'string') this.#live.remove(this, end);
    this.#ended(end);
  }

  close(cause: ClosingCause): void {
    if (this.#isEnded) return;
    this.#end(cause);
    const code = cause.reason === 'shutdown' ? 1001 : 1008;
    const reason = cause.code === 'admitted' ? '' : cause.code;
    this.#toClient.close(closeFrame(code, reason, undefined));
    this.#toUpstream.close(closeFrame(code, reason, randomBytes(4)));
    this.#timer = setTimeout(() => {
      this.#client.destroy();
      this.#upstream.destroy();
    }, GOODBYE_MILLISECONDS);
  }
}

/** One direction: what comes from `source` goes to `sink`, as fast as that takes it. Holds no bytes itself. */
class Lane {
  readonly #source: Duplex;
  readonly #sink: Duplex;
  readonly #sawClose: () => void;
  readonly #frames = new FrameTracker();
  /** Goes out at the end of the current frame. */
  #goodbye: Buffer | undefined;
  #isClosed = false;

  constructor(source: Duplex, sink: Duplex, sawClose: () => void) {
    this.#source = source;
    this.#sink = sink;
    this.#sawClose = sawClose;
  }

  start(): void {
    const source = this.#source;
    this.#sink.on('drain', () => source.resume());
    source.on('end', () => this.#finish());
    source.on('data', (bytes: Buffer) => this.#pass(bytes));
  }

  close(goodbye: Buffer): void {
    this.#goodbye = goodbye;
    if (this.#frames.isAtBoundary) this.#finish();
  }

  #pass(bytes: Buffer): void {
    // What comes after the goodbye is read and thrown away, so that the end behind it is seen.
    if (this.#isClosed || !this.#sink.writable) return;
    if (this.#goodbye === undefined) {
      this.#frames.pass(bytes);
      if (this.#frames.hasClose) this.#sawClose();
      if (!this.#sink.write(bytes)) this.#source.pause();
      return;
    }
    const rest = bytes.subarray(0, this.#frames.passToBoundary(bytes));
    if (!this.#sink.write(rest)) this.#source.pause();
    if (this.#frames.isAtBoundary) this.#finish();
  }

  #finish(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const isFit = this.#frames.isAtBoundary && !this.#frames.hasClose;
    this.#sink.end(isFit ? this.#goodbye : undefined);
    this.#source.resume();
  }
}
