import type { Socket } from 'node:net';
import { WireFault } from './wire-fault.ts';
import type { BodySink, StreamedBody } from './wire-request.ts';

/** What a connection wants to know of a body on its way. */
export interface BodyWatch {
  /** The other side takes no more for now; or takes again. */
  bodyHeldUp(isHeldUp: boolean): void;
  bodySent(): void;
  bodyBroken(fault: WireFault): void;
}

/**
 * A body that is read while it is sent, in chunks where its length is not known. The head leaves with the first bytes:
 * where none come, nothing is sent.
 */
export class SentBody implements BodySink {
  readonly #socket: Socket;
  readonly #body: StreamedBody;
  readonly #watch: BodyWatch;
  #head: string;
  #missing: number;
  #isOver = false;

  constructor(socket: Socket, head: string, body: StreamedBody, watch: BodyWatch) {
    this.#socket = socket;
    this.#head = head;
    this.#body = body;
    this.#watch = watch;
    this.#missing = body.length ?? Number.POSITIVE_INFINITY;
  }

  start(): void {
    this.#body.start(this);
  }

  write(bytes: Buffer): boolean {
    if (this.#isOver || bytes.length === 0) return !this.#isOver;
    this.#missing -= bytes.length;
    if (this.#missing < 0) {
      this.#break();
      return false;
    }
    const takesMore = this.#body.length === undefined ? this.#writeChunk(bytes) : this.#writeBytes(bytes);
    // What was handed over at once is out of the way, however much it was.
    if (takesMore || this.#socket.writableLength === 0) return true;
    this.#watch.bodyHeldUp(true);
    return false;
  }

  #writeBytes(bytes: Buffer): boolean {
    if (this.#head === '') return this.#socket.write(bytes);
    return this.#together(this.#head, bytes, '');
  }

  #writeChunk(bytes: Buffer): boolean {
    return this.#together(`${this.#head}${bytes.length.toString(16)}\r\n`, bytes, '\r\n');
  }

  #together(before: string, bytes: Buffer, after: string): boolean {
    const socket = this.#socket;
    this.#head = '';
    socket.cork();
    socket.write(before, 'latin1');
    let takesMore = socket.write(bytes);
    if (after !== '') takesMore = socket.write(after, 'latin1');
    socket.uncork();
    return takesMore;
  }

  end(): void {
    if (this.#isOver) return;
    const isChunked = this.#body.length === undefined;
    if (!isChunked && this.#missing > 0) return this.#break();
    this.#isOver = true;
    const last = this.#head + (isChunked ? '0\r\n\r\n' : '');
    if (last !== '') this.#socket.write(last, 'latin1');
    return this.#watch.bodySent();
  }

  /** The socket takes more again. */
  drained(): void {
    if (this.#isOver) return;
    this.#watch.bodyHeldUp(false);
    this.#body.resume();
  }

  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#body.stop();
  }

  #break(): void {
    this.stop();
    this.#watch.bodyBroken(new WireFault('unsendable', 'the body is not as long as it was said to be'));
  }
}
