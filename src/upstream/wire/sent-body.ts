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
    const socket = this.#socket;
    socket.cork();
    const isChunked = this.#body.length === undefined;
    const before = this.#head + (isChunked ? `${bytes.length.toString(16)}\r\n` : '');
    this.#head = '';
    if (before !== '') socket.write(before, 'latin1');
    let takesMore = socket.write(bytes);
    if (isChunked) takesMore = socket.write('\r\n', 'latin1');
    socket.uncork();
    if (!takesMore) this.#watch.bodyHeldUp(true);
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
