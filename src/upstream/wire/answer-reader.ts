import type { AnswerReceiver } from './answer-receiver.ts';
import { ChunkReader, type TakesData } from './chunk-reader.ts';
import { HEAD_BYTES, HeadReader, type ReceivedHead } from './head-reader.ts';
import { malformed } from './wire-fault.ts';

/** How far an answer was read. */
export type Reading =
  /** More of it is to come. */
  | 'more'
  /** Its head is whole, and its receiver is not done with it: `goOn` when it is. */
  | 'held'
  /** To its end. */
  | 'whole'
  /** Another protocol begins at `position`. */
  | 'switched';

type Phase = 'head' | 'sized' | 'chunked' | 'untilClose' | 'over';

/** A body of at most this length that comes with its head is told of as a whole. */
const WHOLE_BODY_BYTES = 16_384;
/** What is looked at as text at a time: the longest head, and the longest body that may be told of with it. */
const TEXT_BYTES = HEAD_BYTES + WHOLE_BODY_BYTES;
/** Answers before the final one. */
const MOST_INTERIM_ANSWERS = 20;

/** Reads answers from bytes that come in pieces, and tells a receiver of each (RFC 9112 §6.3). One at a time. */
export class AnswerReader implements TakesData {
  /** In the last piece, behind what was read of it. */
  position = 0;
  /** Length of the last piece. */
  length = 0;
  /** The receiver takes no more for now. */
  isFull = false;
  /** Answers before the final one, so far. */
  interimAnswers = 0;
  /** Another answer may follow on the connection, as far as this one says. Known with the head. */
  isPersistent = false;
  readonly #head = new HeadReader();
  readonly #chunks = new ChunkReader(this.#head);
  #receiver: AnswerReceiver | undefined;
  #isLent = false;
  #isHead = false;
  #isHandshake = false;
  #phase: Phase = 'over';
  #isBegun = false;

  /** Bytes of a sized body that are still to come. */
  #missing = 0;
  /** What came behind the head that the receiver is not done with. */
  #held: Buffer | undefined;

  /** The head of the current answer is still to come. */
  get awaitsHead(): boolean {
    return this.#phase === 'head';
  }

  /** The end of the connection is the end of the current answer. */
  get endsWithConnection(): boolean {
    return this.#phase === 'untilClose';
  }

  /** `Keep-Alive: timeout` of the current answer, seconds; -1: none. */
  get keepAliveSeconds(): number {
    return this.#head.keepAliveSeconds;
  }

  get head(): ReceivedHead {
    return this.#head;
  }

  /** What comes next is the answer to this request. */
  begin(method: string, isHandshake: boolean, receiver: AnswerReceiver): void {
    this.#receiver = receiver;
    this.#isHead = method === 'HEAD';
    this.#isHandshake = isHandshake;
    this.#phase = 'head';
    this.#isBegun = false;
    this.interimAnswers = 0;
    this.isFull = false;
    this.#head.begin();
  }

  /** Nobody is told of anything any more. */
  stop(): void {
    this.#receiver = undefined;
    this.#phase = 'over';
    this.#held = undefined;
  }

  /** `isLent`: the bytes are valid during the call. Throws `WireFault`, and what the receiver throws. */
  read(bytes: Buffer, isLent: boolean): Reading {
    this.#isLent = isLent;
    this.position = 0;
    this.length = bytes.length;
    if (this.#phase === 'head') {
      const reading = this.#readHead(bytes);
      if (reading !== 'whole') return reading;
    }
    return this.#readBody(bytes);
  }

  /** After `held`. */
  goOn(): Reading {
    const bytes = this.#held;
    if (bytes === undefined) return 'more';
    this.#held = undefined;
    this.#isLent = false;
    this.position = 0;
    this.length = bytes.length;
    if (bytes.length === 0 && this.#hasBody()) this.#receiver?.bodyAwaited();
    return this.#readBody(bytes);
  }

  /** `whole`: the body is next. */
  #readHead(bytes: Buffer): Reading {
    if (!this.#isBegun) {
      this.#isBegun = true;
      this.#receiver?.answerBegun();
    }
    const head = this.#head;
    for (;;) {
      const text = bytes.toString(
        'latin1',
        this.position,
        Math.min(bytes.length, this.position + TEXT_BYTES),
      );
      const end = head.read(text);
      if (end === -1) return 'more';
      this.position += end;
      if (head.status >= 200) return this.#passHead(bytes, text, end);
      if (head.status === 101 && this.#isHandshake) {
        this.#phase = 'over';
        return 'switched';
      }
      this.#passInterim();
    }
  }

  #passInterim(): void {
    this.interimAnswers += 1;
    const { status, isOld, closes, isChunked, contentLength } = this.#head;
    // Without Expect nobody waits for 100. The others promise that a final one follows, and have no body (§6.1).
    const isFit = status > 101 && !isOld && !closes && !isChunked && contentLength <= 0;
    if (!isFit || this.interimAnswers > MOST_INTERIM_ANSWERS)
      throw malformed('an interim answer out of place');
    this.#receiver?.informed(this.#head);
    this.#head.begin();
  }

  /** `text`: what came from the begin of the head on, which ends at `end`. */
  #passHead(bytes: Buffer, text: string, end: number): Reading {
    this.#frame();
    if (this.#receiver?.headReceived(this.#head) === false) {
      this.#held = Buffer.from(bytes.subarray(this.position));
      return 'held';
    }
    if (!this.#hasBody()) return 'whole';
    const missing = this.#missing;
    if (this.#phase === 'sized' && missing <= WHOLE_BODY_BYTES && text.length - end >= missing) {
      this.#missing = 0;
      this.position += missing;
      this.#receiver?.wholeBodyReceived(text.slice(end, end + missing));
    } else if (this.position === bytes.length) {
      this.#receiver?.bodyAwaited();
    }
    return 'whole';
  }

  /** RFC 9112 §6.3: which bytes are the body. */
  #frame(): void {
    const { status, isChunked, contentLength, isOld, closes } = this.#head;
    this.isPersistent = !isOld && !closes;
    this.#missing = 0;
    if (this.#isHead || status === 204 || status === 304) {
      this.#phase = 'sized';
      // A 204 that speaks of a body (§6.1, RFC 9110 §8.6) is likely to be followed by one.
      if (status === 204 && (isChunked || contentLength > 0)) this.isPersistent = false;
    } else if (isChunked) {
      this.#phase = 'chunked';
      this.#chunks.begin();
    } else if (contentLength !== -1) {
      this.#phase = 'sized';
      this.#missing = contentLength;
    } else {
      this.#phase = 'untilClose';
      this.isPersistent = false;
    }
  }

  #hasBody(): boolean {
    return this.#phase !== 'sized' || this.#missing > 0;
  }

  #readBody(bytes: Buffer): Reading {
    const start = this.position;
    switch (this.#phase) {
      case 'sized': {
        const end = Math.min(bytes.length, start + this.#missing);
        this.#missing -= end - start;
        this.position = end;
        if (end > start) this.bodyReceived(bytes.subarray(start, end));
        return this.#missing === 0 ? 'whole' : 'more';
      }
      case 'chunked': {
        const end = this.#chunks.read(bytes, start, this);
        this.position = end;
        return end === -1 ? 'more' : 'whole';
      }
      case 'untilClose':
        if (bytes.length > start) this.bodyReceived(start === 0 ? bytes : bytes.subarray(start));
        return 'more';
      case 'head':
      case 'over':
        return 'more';
    }
  }

  bodyReceived(bytes: Buffer): boolean {
    if (this.#receiver?.bodyReceived(bytes, this.#isLent) === false) this.isFull = true;
    return !this.isFull;
  }
}
