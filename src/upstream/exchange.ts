import type { Duplex } from 'node:stream';
import { DENY_CODES } from '../http/deny-codes.ts';
import { endStream } from './answer-body.ts';
import type { AnswerFields } from './answer-fields.ts';
import { AnswerRefused } from './answer-fields.ts';
import { completeFields, passInformation, readHead } from './answer-head.ts';
import type { Balancer } from './balancer.ts';
import type { ClientResponse, ReceivedMessage } from './client-side.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import { ExchangeStopped, type Failure, failureOf } from './failure.ts';
import { lingerBeforeClose } from './lingering-close.ts';
import { Sending } from './sending.ts';
import { holdForClient, type SlowClient } from './slow-client.ts';
import { switchedFields } from './switched.ts';
import { cutOff } from './truncation.ts';
import type { ForwardedRequest, ForwardOutcome } from './upstream.ts';
import type { ReceivedHead } from './wire/head-reader.ts';

/**
 * One request on its way: choose a target ─► wait for a connection ─► send ─► head ─► body ─► end. It is what the
 * connection tells of the answer, so that nothing is allocated between the two; `finished` is called once, wherever it
 * ends.
 */
export class Exchange extends Sending {
  readonly #finished: (outcome: ForwardOutcome) => void;
  /** Of the head that was passed on; 0 before. */
  #status = 0;
  #contentLength = -1;
  #slowClient: SlowClient | undefined;

  constructor(
    rules: ExchangeRules,
    balancer: Balancer,
    request: ForwardedRequest,
    received: ReceivedMessage,
    response: ClientResponse,
    finished: (outcome: ForwardOutcome) => void,
  ) {
    super(rules, balancer, request, received, response);
    this.#finished = finished;
  }

  start(): void {
    this.response.on('close', () => this.#clientLeft());
    // The client may have left while the request was being decided on.
    if (this.response.destroyed) this.#clientLeft();
    else this.send();
  }

  informed({ status, fields }: ReceivedHead): void {
    passInformation(status, fields, this.received, this.response);
  }

  headReceived({ status, reason, fields }: ReceivedHead): boolean {
    const { head, settled } = readHead(status, fields, this.request.answerCookies);
    if (settled === undefined) {
      this.#sendHead(status, reason, head);
      return true;
    }
    // The client's next request may come to another replica, and must find what this answer changed.
    void settled.then(() => {
      if (!this.isOver) {
        this.#sendHead(status, reason, head);
        this.connection?.resume();
      }
      return undefined;
    });
    return false;
  }

  #sendHead(status: number, reason: string, head: AnswerFields): void {
    const { fields, contentLength, isEventStream } = head;
    completeFields(head, this.request, this.rules, this.target, this.sentFields);
    if (!this.received.complete) {
      fields.push('Connection', 'close');
      this.response.shouldKeepAlive = false;
      lingerBeforeClose(this.received);
    }
    this.response.writeHead(status, reason, fields);
    this.#status = status;
    this.#contentLength = contentLength;
    this.#answered(status);
    if (isEventStream) this.request.eventStreamBegan?.(() => this.#endStream());
  }

  #answered(status: number): void {
    this.target?.health.requestSucceeded();
    const { metrics, upstream } = this.rules;
    metrics.upstreamAnswered(upstream, status, (performance.now() - this.startedAt) / 1000);
  }

  switched({ status, fields }: ReceivedHead, socket: Duplex): void {
    // Somebody has to listen, until the tunnel does.
    socket.on('error', () => {});
    if (this.isOver) throw new AnswerRefused('nobody waits for the upgrade any more');
    const { webSocketAccept = '', answerCookies } = this.request;
    const passed = switchedFields(status, fields, webSocketAccept, answerCookies);
    this.#answered(status);
    this.#finish({ kind: 'switched', fields: passed, socket });
  }

  /** node:http keeps a head back until the first byte of the body, so that both leave in one write. */
  bodyAwaited(): void {
    if (!this.isOver) this.response.flushHeaders();
  }

  wholeBodyReceived(text: string): void {
    this.response.end(text, 'latin1');
  }

  bodyReceived(bytes: Buffer, isLent: boolean): boolean {
    // The client may take it later.
    if (this.response.write(isLent ? Buffer.from(bytes) : bytes)) return true;
    this.#slowClient ??= holdForClient(
      this.response,
      () => this.connection?.resume(),
      this.request.timeouts.idle,
      () => this.stop(new ExchangeStopped('request_timeout', 'the client stopped reading')),
    );
    this.#slowClient.pause();
    return false;
  }

  completed(): void {
    if (!this.response.writableEnded) this.response.end();
    this.#finish({ kind: 'answered', status: this.#status, target: this.target?.origin ?? '' });
  }

  #endStream(): void {
    if (this.isOver) return;
    endStream(this.received, this.response, this.#contentLength);
    this.#finish({ kind: 'ended', status: this.#status });
  }

  failed(error: unknown): void {
    if (this.isOver) return;
    if (this.#status === 0) this.failOrRetry(error);
    else this.#truncate(error);
  }

  #truncate(error: unknown): void {
    const { reason } = this.#count(error);
    cutOff(this.received, this.response);
    this.#finish({ kind: 'truncated', status: this.#status, reason });
  }

  #clientLeft(): void {
    const status = this.#status === 0 ? undefined : this.#status;
    if (!this.isOver) this.#finish({ kind: 'clientGone', status });
  }

  protected override stop(error: ExchangeStopped): void {
    // Its answer is out and the rest of its body breaks the rules: nothing more is read from this connection.
    if (this.isOver) this.received.destroy();
    else if (this.#status === 0) this.fail(error);
    else this.#truncate(error);
  }

  protected override fail(error: unknown): void {
    const { code, reason } = this.#count(error);
    this.#finish({ kind: 'failed', code, reason });
  }

  #count(error: unknown): Failure {
    const failure = failureOf(error);
    if (DENY_CODES[failure.code].owner === 'upstream')
      this.rules.metrics.upstreamFailed(this.rules.upstream, failure.code);
    return failure;
  }

  #finish(outcome: ForwardOutcome): void {
    this.#slowClient?.stop();
    this.leave(outcome.kind === 'answered');
    this.#finished(outcome);
  }
}
