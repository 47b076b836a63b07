import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { DENY_CODES } from '../http/deny-codes.ts';
import { endStream, passChunk } from './answer-body.ts';
import { type AnswerFields, AnswerRefused } from './answer-fields.ts';
import { completeFields, passInformation, readHead, reasonOf } from './answer-head.ts';
import { type Balancer, NONE_TRIED } from './balancer.ts';
import type { ClientResponse, ReceivedMessage } from './client-side.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import { ExchangeStopped, type Failure, failureOf } from './failure.ts';
import { lingerBeforeClose } from './lingering-close.ts';
import { watchQueue } from './pending-connection.ts';
import { flushHeadSoon, type PendingHead } from './pending-heads.ts';
import { type BodyFails, bodyToSend, takeInEarly } from './request-body.ts';
import { mayRetry, nextTarget, type Progress } from './retry.ts';
import { holdForClient, type SlowClient } from './slow-client.ts';
import { switchedFields } from './switched.ts';
import type { PooledTarget } from './target.ts';
import { cutOff } from './truncation.ts';
import type { ForwardedRequest, ForwardOutcome } from './upstream.ts';

/**
 * One request on its way: choose a target ─► wait for a connection ─► send ─► head ─► body ─► end. It is the handler
 * that undici calls, so that nothing is allocated between the two; `finished` is called once, wherever it ends.
 */
export class Exchange implements Dispatcher.DispatchHandler, Progress, PendingHead {
  readonly #rules: ExchangeRules;
  readonly #balancer: Balancer;
  readonly #request: ForwardedRequest;
  readonly #received: ReceivedMessage;
  readonly #response: ClientResponse;
  readonly #finished: (outcome: ForwardOutcome) => void;

  #isOver = false;
  #target: PooledTarget | undefined;
  #tried = NONE_TRIED;
  #sentFields: readonly string[] = [];
  #startedAt = 0;
  #abort: ((error?: Error) => void) | undefined;
  isConnected = false;
  isConnectionReused = false;
  isAnswerBegun = false;
  #queueTimer: NodeJS.Timeout | undefined;

  /** What the body tells when it breaks the rules. */
  #fails: BodyFails = () => {};
  #gathered: Buffer | undefined;
  #stopIntake: (() => void) | undefined;

  /** Of the head that was passed on; 0 before. */
  #status = 0;
  #contentLength = -1;
  #isBodyBegun = false;
  #resume: (() => void) | undefined;
  #slowClient: SlowClient | undefined;

  constructor(
    rules: ExchangeRules,
    balancer: Balancer,
    request: ForwardedRequest,
    received: ReceivedMessage,
    response: ClientResponse,
    finished: (outcome: ForwardOutcome) => void,
  ) {
    this.#rules = rules;
    this.#balancer = balancer;
    this.#request = request;
    this.#received = received;
    this.#response = response;
    this.#finished = finished;
  }

  start(): void {
    this.#response.on('close', () => this.#clientLeft());
    // The client may have left while the request was being decided on.
    if (this.#response.destroyed) return this.#clientLeft();
    // Measured: with the closures below, requests without a body outlive young collections, at 17 µs each.
    if (this.#request.body.kind === 'none') return this.#attempt();
    this.#fails = (error) => this.#stop(error);
    const early = takeInEarly(this.#request, this.#received, this.#fails, (bytes) => {
      this.#gathered = bytes;
      this.#attempt();
    });
    this.#stopIntake = early?.stop;
    return early?.isGathering === true ? undefined : this.#attempt();
  }

  #attempt(): void {
    const { clock, metrics, upstream } = this.#rules;
    const choice = this.#balancer.choose(clock(), NONE_TRIED);
    if (choice === undefined) return this.#fail(new Error('the upstream has no target'));
    if (choice.isPanic) metrics.upstreamFailed(upstream, 'no_healthy_target');
    return this.#send(choice.target);
  }

  #send(target: PooledTarget): void {
    const request = this.#request;
    let fields: string[];
    try {
      fields = request.fieldsFor(target);
    } catch (error) {
      return this.#fail(error);
    }
    this.#target = target;
    this.#sentFields = fields;
    this.#abort = undefined;
    this.isConnected = false;
    this.isAnswerBegun = false;
    target.inFlight += 1;
    target.health.requestStarted();
    if (target.inFlight > target.connections)
      this.#queueTimer = watchQueue(target, (error) => this.#stop(error));
    this.#startedAt = performance.now();
    target.pool.dispatch(
      {
        path: request.target,
        method: request.method,
        headers: fields,
        body: bodyToSend(request, this.#received, this.#gathered, fields, this.#fails),
        upgrade: request.webSocketAccept === undefined ? null : 'websocket',
        headersTimeout: request.timeouts.headers,
        bodyTimeout: request.timeouts.idle,
        // Known to undici, though its types leave it out.
        servername: target.serverName,
      } as Dispatcher.DispatchOptions,
      this,
    );
  }

  onConnect(abort: (error?: Error) => void): void {
    // Thrown, not aborted: the connection stays usable, since nothing was written to it.
    if (this.#isOver) throw new ExchangeStopped('internal_error', 'ended before there was a connection');
    clearTimeout(this.#queueTimer);
    this.#abort = abort;
    this.isConnected = true;
    if (this.#target !== undefined) {
      this.isConnectionReused = !this.#target.isConnectionNew;
      this.#target.isConnectionNew = false;
    }
  }

  onResponseStarted(): void {
    this.isAnswerBegun = true;
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, reason: string): boolean {
    if (status < 200) {
      passInformation(status, raw, this.#received, this.#response);
      return true;
    }
    const { head, settled } = readHead(status, raw, this.#request.answerCookies);
    const phrase = reasonOf(status, reason);
    this.#resume = resume;
    if (settled === undefined) {
      this.#sendHead(status, phrase, head);
      return true;
    }
    // The client's next request may come to another replica, and must find what this answer changed.
    void settled.then(() => {
      if (!this.#isOver) {
        this.#sendHead(status, phrase, head);
        resume();
      }
      return undefined;
    });
    return false;
  }

  #sendHead(status: number, phrase: string, head: AnswerFields): void {
    const { fields, contentLength, isEventStream } = head;
    completeFields(head, this.#request, this.#rules, this.#target, this.#sentFields);
    if (!this.#received.complete) {
      fields.push('Connection', 'close');
      this.#response.shouldKeepAlive = false;
      lingerBeforeClose(this.#received);
    }
    this.#response.writeHead(status, phrase, fields);
    this.#status = status;
    this.#contentLength = contentLength;
    this.#answered(status);
    // undici would wait for the body that a Content-Length announces, which RFC 9110 §8.6 allows in a 304.
    if ((status === 304 || status === 204) && contentLength > 0) this.onComplete();
    else flushHeadSoon(this);
    if (isEventStream && !this.#isOver) this.#request.eventStreamBegan?.(() => this.#endStream());
  }

  #answered(status: number): void {
    this.#target?.health.requestSucceeded();
    const { metrics, upstream } = this.#rules;
    metrics.upstreamAnswered(upstream, status, (performance.now() - this.#startedAt) / 1000);
  }

  /** The bytes that came behind the head are in the socket's buffer. Where this throws, undici destroys the socket. */
  onUpgrade(status: number, raw: Buffer[], socket: Duplex): void {
    // Somebody has to listen, until the tunnel does.
    socket.on('error', () => {});
    if (this.#isOver) throw new AnswerRefused('nobody waits for the upgrade any more');
    const fields = switchedFields(
      status,
      raw,
      this.#request.webSocketAccept ?? '',
      this.#request.answerCookies,
    );
    this.#answered(status);
    // undici is done with the request: there is nothing left to abort.
    this.#abort = undefined;
    this.#finish({ kind: 'switched', fields, socket });
  }

  flushHead(): void {
    if (!this.#isBodyBegun && !this.#response.writableEnded) this.#response.flushHeaders();
  }

  onData(chunk: Buffer): boolean {
    this.#isBodyBegun = true;
    if (passChunk(this.#response, chunk, this.#contentLength)) return true;
    this.#slowClient ??= holdForClient(
      this.#response,
      () => this.#resume?.(),
      this.#request.timeouts.idle,
      () => this.#stop(new ExchangeStopped('request_timeout', 'the client stopped reading')),
    );
    this.#slowClient.pause();
    return false;
  }

  onComplete(): void {
    if (!this.#response.writableEnded) this.#response.end();
    this.#finish({ kind: 'answered', status: this.#status, target: this.#target?.origin ?? '' });
  }

  #endStream(): void {
    if (this.#isOver) return;
    endStream(this.#received, this.#response, this.#contentLength);
    this.#finish({ kind: 'ended', status: this.#status });
  }

  onError(error: unknown): void {
    if (this.#isOver) return;
    if (this.#status === 0) this.#failOrRetry(error);
    else this.#truncate(error);
  }

  #failOrRetry(error: unknown): void {
    const target = this.#target;
    const failure = failureOf(error);
    if (target === undefined || !failure.isTargets) return this.#fail(error);
    target.health.requestFailed(this.#rules.clock(), this.#rules.health);
    this.#tried = [...this.#tried, target];
    const next = mayRetry(this, this.#request, error)
      ? nextTarget(this.#balancer, this.#rules.clock(), this.#tried, this.isConnected)
      : undefined;
    if (next === undefined) return this.#fail(error);
    this.#leaveTarget();
    // Not from inside the failing connection's event.
    queueMicrotask(() => {
      if (!this.#isOver) this.#send(next);
    });
    return undefined;
  }

  #truncate(error: unknown): void {
    const { reason } = this.#count(error);
    cutOff(this.#received, this.#response);
    this.#finish({ kind: 'truncated', status: this.#status, reason });
  }

  #clientLeft(): void {
    const status = this.#status === 0 ? undefined : this.#status;
    if (!this.#isOver) this.#finish({ kind: 'clientGone', status });
  }

  /** Ends the exchange for a reason of ours. */
  #stop(error: ExchangeStopped): void {
    // Its answer is out and the rest of its body breaks the rules: nothing more is read from this connection.
    if (this.#isOver) this.#received.destroy();
    else if (this.#status === 0) this.#fail(error);
    else this.#truncate(error);
  }

  #fail(error: unknown): void {
    const { code, reason } = this.#count(error);
    this.#finish({ kind: 'failed', code, reason });
  }

  #count(error: unknown): Failure {
    const failure = failureOf(error);
    if (DENY_CODES[failure.code].owner === 'upstream')
      this.#rules.metrics.upstreamFailed(this.#rules.upstream, failure.code);
    return failure;
  }

  #finish(outcome: ForwardOutcome): void {
    this.#isOver = true;
    clearTimeout(this.#queueTimer);
    this.#slowClient?.stop();
    if (outcome.kind !== 'answered') this.#stopIntake?.();
    this.#leaveTarget();
    // Without effect once undici is done with the request.
    this.#abort?.();
    this.#finished(outcome);
  }

  #leaveTarget(): void {
    if (this.#target === undefined) return;
    this.#target.inFlight -= 1;
    this.#target.health.requestAbandoned();
    this.#target = undefined;
  }
}
