import type { Socket } from 'node:net';
import { AnswerReader, type Reading } from './answer-reader.ts';
import type { AnswerReceiver } from './answer-receiver.ts';
import { type BodyWatch, SentBody } from './sent-body.ts';
import { malformed, WireFault } from './wire-fault.ts';
import { keepsConnection, type WireRequest } from './wire-request.ts';

/** Whose connection it is. */
export interface ConnectionOwner {
  /** Its answer is whole, and it may serve another request. */
  released(connection: Connection): void;
  /** It serves nobody any more: it is closed, or another protocol is spoken on it. Called once. */
  left(connection: Connection): void;
  /** It has a deadline at `at`, by `performance.now()`: look at it then. */
  watch(at: number): void;
}

/** How long a connection is kept for the next request where the target says nothing. */
const KEPT_MILLISECONDS = 4_000;
/** It is given up this much earlier than the target said, since a request takes its time to get there. */
const MARGIN_MILLISECONDS = 2_000;
const MOST_KEPT_MILLISECONDS = 600_000;

/**
 * A connection to a target, with one request at a time. Only after a request that was sent whole and an answer that
 * ended where its framing says may it serve another. A byte that nobody asked for ends it, since it would be taken for
 * the begin of the next answer (RFC 9112 §9.2).
 */
export class Connection implements BodyWatch {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  /** Read like any stream. Else whoever made the connection calls `receive`. */
  readonly #isStream: boolean;
  readonly #reader = new AnswerReader();
  /** It has served a request before. */
  isReused = false;
  /** By `performance.now()`; infinite: none. */
  deadline = Number.POSITIVE_INFINITY;
  #receiver: AnswerReceiver | undefined;
  #request: WireRequest | undefined;
  #body: SentBody | undefined;
  #isPaused = false;
  /** Came while nothing was wanted; the socket is stopped. */
  #held: Buffer | undefined;
  /** The other side sends nothing more. */
  #hasEnded = false;
  #hasLeft = false;

  constructor(socket: Socket, owner: ConnectionOwner, isStream: boolean) {
    this.#socket = socket;
    this.#owner = owner;
    this.#isStream = isStream;
    if (isStream) socket.on('readable', this.#pull);
    socket
      .on('drain', this.#drained)
      .on('end', this.#ended)
      .on('error', this.#failed)
      .on('close', this.#gone);
  }

  /** Sends `head`, which is that of `request`, and its body. False: nobody wants it any more, and nothing was sent. */
  begin(head: string, request: WireRequest, receiver: AnswerReceiver): boolean {
    if (!receiver.connected(this)) return false;
    this.#receiver = receiver;
    this.#request = request;
    this.#reader.begin(request.method, request.isHandshake, receiver);
    const { body } = request;
    if (body === undefined || Buffer.isBuffer(body)) {
      this.#socket.write(body === undefined ? head : head + body.toString('latin1'), 'latin1');
      this.bodySent();
    } else {
      this.deadline = Number.POSITIVE_INFINITY;
      this.#body = new SentBody(this.#socket, head, body, this);
      this.#body.start();
    }
    return true;
  }

  /** Waits for a request, for a while. */
  rest(): void {
    this.#setDeadline(KEPT_MILLISECONDS);
  }

  /** Goes on after `headReceived` or `bodyReceived` was false. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#reader.isFull = false;
    try {
      this.#settle(this.#reader.goOn());
    } catch (error) {
      this.#break(error);
    }
    const held = this.#held;
    if (held !== undefined && !this.#isPaused && !this.#hasLeft) {
      this.#held = undefined;
      this.#socket.resume();
      this.receive(held, false);
    }
    if (this.#isStream) this.#pull();
    if (this.#hasEnded && !this.#hasLeft) this.#ended();
  }

  /** The receiver wants nothing any more of what it is owed. */
  abandon(receiver: AnswerReceiver): void {
    if (this.#receiver !== receiver) return;
    this.#receiver = undefined;
    this.#closed();
  }

  /** Ends it at once. Its receiver, if there is one, is told of `fault`. */
  close(fault: WireFault): void {
    this.#break(fault);
  }

  /** The deadline is over. */
  expire(): void {
    const what = this.#reader.awaitsHead ? 'no answer came in time' : 'the answer paused for too long';
    this.#break(new WireFault('late', what));
  }

  bodyHeldUp(isHeldUp: boolean): void {
    if (this.#reader.awaitsHead) this.#setDeadline(isHeldUp ? (this.#request?.headMilliseconds ?? 0) : 0);
  }

  bodySent(): void {
    this.#body = undefined;
    if (this.#reader.awaitsHead) this.#setDeadline(this.#request?.headMilliseconds ?? 0);
  }

  bodyBroken(fault: WireFault): void {
    this.#break(fault);
  }

  /** Bytes have come. `isLent`: they are valid during the call. */
  receive(bytes: Buffer, isLent: boolean): void {
    if (this.#receiver === undefined) return this.#break(malformed('an answer to nothing'));
    if (this.#isPaused) return this.#hold(bytes, isLent);
    try {
      const interim = this.#reader.interimAnswers;
      const reading = this.#reader.read(bytes, isLent);
      if (reading === 'switched') this.#switch(bytes);
      else if (reading !== 'more' || !this.#reader.awaitsHead) this.#settle(reading);
      // Whoever says that it is still at work is given more time, as often as it may say so.
      else if (this.#reader.interimAnswers > interim) this.#setDeadline(this.#request?.headMilliseconds ?? 0);
    } catch (error) {
      this.#break(error);
    }
    return undefined;
  }

  #settle(reading: Reading): void {
    if (this.#receiver === undefined) return;
    if (reading === 'whole') this.#complete();
    else if (reading === 'held' || this.#reader.isFull) this.#pause();
    else this.#setDeadline(this.#request?.idleMilliseconds ?? 0);
  }

  /**
   * The receiver wants nothing more for now. Only when more comes all the same the socket is stopped: most receivers
   * are ready again before that.
   */
  #pause(): void {
    this.#isPaused = true;
    this.deadline = Number.POSITIVE_INFINITY;
  }

  #hold(bytes: Buffer, isLent: boolean): void {
    this.#held = isLent ? Buffer.from(bytes) : bytes;
    this.#socket.pause();
  }

  /** The answer is whole. */
  #complete(): void {
    const receiver = this.#receiver;
    const request = this.#request;
    const keptMilliseconds = keptFor(this.#reader.keepAliveSeconds);
    const isKept =
      this.#reader.isPersistent &&
      this.#reader.position === this.#reader.length &&
      this.#body === undefined &&
      request !== undefined &&
      keepsConnection(request) &&
      this.#held === undefined &&
      !this.#hasEnded &&
      keptMilliseconds > 0;
    this.#receiver = undefined;
    this.#request = undefined;
    this.#reader.stop();
    if (!isKept) this.#closed();
    receiver?.completed();
    if (!isKept || this.#hasLeft) return;
    this.isReused = true;
    this.#setDeadline(keptMilliseconds);
    this.#owner.released(this);
  }

  #switch(bytes: Buffer): void {
    const socket = this.#socket;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.#hasLeft = true;
    this.deadline = Number.POSITIVE_INFINITY;
    socket
      .off('readable', this.#pull)
      .off('drain', this.#drained)
      .off('end', this.#ended)
      .off('error', this.#failed)
      .off('close', this.#gone);
    const { position, head } = this.#reader;
    if (position < bytes.length) socket.unshift(Buffer.from(bytes.subarray(position)));
    this.#owner.left(this);
    try {
      receiver?.switched(head, socket);
    } catch (error) {
      socket.destroy();
      receiver?.failed(error);
    }
  }

  #setDeadline(milliseconds: number): void {
    this.deadline = milliseconds === 0 ? Number.POSITIVE_INFINITY : performance.now() + milliseconds;
    if (milliseconds !== 0) this.#owner.watch(this.deadline);
  }

  /** Ends the connection, and tells whoever waits for an answer on it. */
  #break(error: unknown): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    const receiver = this.#receiver;
    this.#receiver = undefined;
    this.deadline = Number.POSITIVE_INFINITY;
    this.#reader.stop();
    this.#body?.stop();
    this.#socket.destroy();
    this.#owner.left(this);
    receiver?.failed(error);
  }

  readonly #pull = (): void => {
    while (!this.#isPaused && !this.#hasLeft) {
      const bytes: Buffer | null = this.#socket.read();
      if (bytes === null) return;
      this.receive(bytes, false);
    }
  };

  readonly #drained = (): void => this.#body?.drained();

  readonly #ended = (): void => {
    this.#hasEnded = true;
    // What was read before is still to be told of.
    if (this.#isPaused) return undefined;
    if (!this.#reader.endsWithConnection) return this.#closed();
    try {
      this.#complete();
    } catch (error) {
      this.#break(error);
    }
    return undefined;
  };

  readonly #failed = (error: Error): void => this.#break(error);

  readonly #gone = (): void => {
    if (!this.#isPaused || !this.#hasEnded) this.#closed();
  };

  readonly #closed = (): void => this.#break(new WireFault('closed', 'other side closed'));
}

/** How long the connection is kept after an answer with this `Keep-Alive: timeout`, milliseconds. */
function keptFor(seconds: number): number {
  if (seconds === -1) return KEPT_MILLISECONDS;
  return Math.min(seconds * 1_000 - MARGIN_MILLISECONDS, MOST_KEPT_MILLISECONDS);
}
