import type { Duplex } from 'node:stream';
import type { AnswerReceiver } from '../../../src/upstream/wire/answer-receiver.ts';
import type { Connection } from '../../../src/upstream/wire/connection.ts';
import type { ReceivedHead } from '../../../src/upstream/wire/head-reader.ts';

/** Everything that a receiver is told. */
export class RecordedAnswer implements AnswerReceiver {
  connection: Connection | undefined;
  readonly interim: (readonly [number, readonly string[]])[] = [];
  head: { readonly status: number; readonly reason: string; readonly fields: readonly string[] } | undefined;
  body = Buffer.alloc(0);
  socket: Duplex | undefined;
  error: unknown;
  readonly events: string[] = [];
  readonly #ended = Promise.withResolvers<this>();

  /** Resolves once nothing more is told. */
  get ended(): Promise<this> {
    return this.#ended.promise;
  }
  connected(connection: Connection): boolean {
    this.connection = connection;
    this.events.push(connection.isReused ? 'connected again' : 'connected');
    return true;
  }
  answerBegun(): void {
    this.events.push('begun');
  }
  informed({ status, fields }: ReceivedHead): void {
    this.interim.push([status, [...fields]]);
  }
  headReceived({ status, reason, fields }: ReceivedHead): boolean {
    this.head = { status, reason, fields: [...fields] };
    this.events.push('head');
    return true;
  }
  bodyAwaited(): void {
    this.events.push('awaited');
  }
  wholeBodyReceived(text: string): void {
    this.bodyReceived(Buffer.from(text, 'latin1'));
  }
  bodyReceived(bytes: Buffer): boolean {
    this.body = Buffer.concat([this.body, bytes]);
    return true;
  }
  completed(): void {
    this.events.push('completed');
    this.#ended.resolve(this);
  }
  switched(head: ReceivedHead, socket: Duplex): void {
    this.headReceived(head);
    this.socket = socket;
    this.#ended.resolve(this);
  }
  failed(error: unknown): void {
    this.error = error;
    this.events.push('failed');
    this.#ended.resolve(this);
  }
}
