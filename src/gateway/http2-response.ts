import { EventEmitter } from 'node:events';
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { ClientResponse } from '../upstream/client-side.ts';
import type { Http2Request } from './http2-request.ts';

/** Of one connection, which is not this answer's alone (RFC 9113 §8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
/** Lists that are not told apart once they are joined. */
const APART: ReadonlySet<string> = new Set(['set-cookie', 'www-authenticate']);
/** The answer on one stream. Whatever ends it ends no other stream. */
export class Http2Response extends EventEmitter implements ClientResponse {
  readonly socket = null;
  shouldKeepAlive = true;
  readonly #stream: ServerHttp2Stream;
  readonly #isHead: boolean;
  readonly #readIdle: number;
  readonly #unread: () => void;
  #waiting: NodeJS.Timeout | undefined;
  #isBodiless = false;
  #isEnded = false;
  #isCut = false;
  #isGone = false;

  /**
   * @param readIdle milliseconds for the client to take what waits for it, before its stream is given up; 0: for ever
   * @param on `reset`: the client took its request back, or broke it, before the answer was complete; `unread`: it was given up
   */
  constructor(
    stream: ServerHttp2Stream,
    request: Http2Request,
    readIdle: number,
    on: { readonly reset: () => void; readonly unread: () => void },
  ) {
    super();
    this.#stream = stream;
    this.#isHead = request.method === 'HEAD';
    this.#readIdle = readIdle;
    this.#unread = on.unread;
    stream.on('drain', () => {
      this.#stopWaiting();
      this.emit('drain');
    });
    stream.once('aborted', () => {
      if (!this.#isCut) on.reset();
      this.#leave();
    });
    stream.once('close', () => this.#leave());
    stream.once('finish', () => {
      // The client need not send the rest (RFC 9113 §8.1).
      if (!request.complete && !stream.closed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  /** Once, and like that of node:http never from inside the call that caused it. */
  #leave(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#stopWaiting();
    process.nextTick(() => this.emit('close'));
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get writableEnded(): boolean {
    return this.#isEnded || this.#stream.writableEnded;
  }

  get destroyed(): boolean {
    return this.#stream.closed || this.#stream.destroyed;
  }

  writeContinue(): void {
    if (!this.destroyed) this.#stream.additionalHeaders({ ':status': 100 });
  }

  writeEarlyHints({ link }: { readonly link: string[] }): void {
    if (!this.destroyed) this.#stream.additionalHeaders({ ':status': 103, link });
  }

  writeHead(status: number, reasonOrFields: string | string[], fields: string[] = []): void {
    if (this.destroyed) return;
    const given = typeof reasonOrFields === 'string' ? fields : reasonOrFields;
    this.#isBodiless = this.#isHead || status === 204 || status === 205 || status === 304;
    this.#stream.respond(answerHeaders(status, given), { endStream: this.#isBodiless });
  }

  /** The head leaves at once. */
  flushHeaders(): void {}

  write(bytes: Buffer): boolean {
    if (this.destroyed || this.#isBodiless || this.#stream.write(bytes)) return true;
    this.#expectReading();
    return false;
  }

  /** Not the stream's own timer, which a client puts off by taking one byte. */
  #expectReading(): void {
    if (this.#readIdle > 0) this.#waiting ??= setTimeout(() => this.#giveUp(), this.#readIdle);
  }

  #stopWaiting(): void {
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
  }

  #giveUp(): void {
    this.#unread();
    this.destroy();
  }

  end(body?: string | Buffer, encoding?: BufferEncoding): void {
    if (this.#isEnded || this.destroyed) return;
    this.#isEnded = true;
    if (this.#isBodiless) return;
    this.#stopWaiting();
    this.#expectReading();
    this.#stream.end(typeof body === 'string' ? Buffer.from(body, encoding) : body);
  }

  /** With an error: `close` would first end the stream, and what was cut would look whole. */
  destroy(): this {
    this.#isCut = true;
    this.#stream.destroy(new Error('the answer was cut'));
    return this;
  }
}

/** In lower case, without what is of a connection, and repeated fields as one (RFC 9110 §5.3), which node:http2 asks for of many. */
function answerHeaders(status: number, fields: readonly string[]): string[] {
  const headers = [':status', String(status)];
  const places = new Map<string, number>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    const value = fields[index + 1] ?? '';
    if (OF_CONNECTION.has(name)) continue;
    const place = places.get(name);
    if (place !== undefined && !APART.has(name)) headers[place] += `, ${value}`;
    else places.set(name, headers.push(name, value) - 1);
  }
  return headers;
}
