import type { Duplex } from 'node:stream';
import type { Connection } from './connection.ts';
import type { ReceivedHead } from './head-reader.ts';

/**
 * Who sent a request, and is told what comes of it: `connected`, `answerBegun`, `informed` …, `headReceived`, the body,
 * `completed`; or at any point `failed`, after which nothing more comes. What one of them throws breaks the exchange
 * off, and comes back by `failed`.
 */
export interface AnswerReceiver {
  /** There is a connection, and nothing was written to it. False: the request is not wanted any more, and is not sent. */
  connected(connection: Connection): boolean;
  /** The first byte of an answer. */
  answerBegun(): void;
  /** An answer before the final one (RFC 9110 §15.2): 102 to 199. */
  informed(head: ReceivedHead): void;
  /** The final answer. False: its body waits for `Connection.resume`. */
  headReceived(head: ReceivedHead): boolean;
  /** What came with the head has been told of, and nothing of the body was among it. */
  bodyAwaited(): void;
  /** The whole body, Latin-1, where it is short and came with the head. */
  wholeBodyReceived(text: string): void;
  /** `isLent`: the bytes are valid during the call, copy what is kept. False: enough until `Connection.resume`, though a little more may come. */
  bodyReceived(bytes: Buffer, isLent: boolean): boolean;
  completed(): void;
  /** 101, where it was asked for. The socket is the receiver's; what came behind the head is in its buffer. */
  switched(head: ReceivedHead, socket: Duplex): void;
  failed(error: unknown): void;
}
