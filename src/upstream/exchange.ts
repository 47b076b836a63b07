import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import type { Dispatcher } from 'undici';
import { DENY_CODES, type DenyCode } from '../http/deny-codes.ts';
import { AnswerRefused, answerFields } from './answer-fields.ts';
import { passInformation, reasonOf } from './answer-head.ts';
import { type Balancer, NONE_TRIED } from './balancer.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import { ExchangeStopped, failureOf } from './failure.ts';
import { lingerBeforeClose } from './lingering-close.ts';
import { rewriteLocations } from './location.ts';
import { flushHeadSoon, type PendingHead } from './pending-heads.ts';
import { type BodyFails, bodyToSend, carriesBody, discardBody, gatherBody, isSmall } from './request-body.ts';
import { mayRetry, type Progress } from './retry.ts';
import { holdForClient, type SlowClient } from './slow-client.ts';
import type { PooledTarget } from './target.ts';
import { cutOff } from './truncation.ts';
import type { ForwardedRequest, ForwardOutcome } from './upstream.ts';

/** A body that comes whole and is at most this long leaves with the head as one string. */
const JOINED_BODY_BYTES = 16_384;

const ignore: BodyFails = () => {};

/**
 * One request on its way: choose a target ─► wait for a connection ─► send ─► head ─► body ─► end. It is the handler
 * that undici calls, so that nothing is allocated between the two; `finished` is called once, wherever it ends.
 */
export class Exchange implements Dispatcher.DispatchHandler, Progress, PendingHead {
  readonly #rules: ExchangeRules;
  readonly #balancer: Balancer;
  readonly #request: ForwardedRequest;
  readonly #received: IncomingMessage;
  readonly #response: ServerResponse;
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
  #fails: BodyFails = ignore;
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
    received: IncomingMessage,
    response: ServerResponse,
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
    const { body, method } = this.#request;
    if (body.kind === 'none') return this.#attempt();
    this.#fails = (error) => this.#stop(error);
    if (!carriesBody(method)) {
      this.#stopIntake = discardBody(this.#received, body, this.#fails);
      return this.#attempt();
    }
    if (!isSmall(body)) return this.#attempt();
    this.#stopIntake = gatherBody(this.#received, body, this.#fails, (bytes) => {
      this.#gathered = bytes;
      this.#attempt();
    });
    return undefined;
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
    if (target.inFlight > target.connections) this.#watchQueue(target);
    this.#startedAt = performance.now();
    target.pool.dispatch(
      {
        path: request.target,
        method: request.method,
        headers: fields,
        body: bodyToSend(request, this.#received, this.#gathered, fields, this.#fails),
        headersTimeout: request.timeouts.headers,
        bodyTimeout: request.timeouts.idle,
        // Known to undici, though its types leave it out.
        servername: target.serverName,
      } as Dispatcher.DispatchOptions,
      this,
    );
  }

  /** All connections are busy: as long as connecting may take, one may become free. */
  #watchQueue(target: PooledTarget): void {
    this.#queueTimer = setTimeout(() => {
      this.#stop(new ExchangeStopped('upstream_timeout', `no connection to ${target.origin} became free`));
    }, target.connectMilliseconds);
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
    if (status > 599) throw new AnswerRefused('status out of range');
    const { fields, contentLength, hasLocation } = answerFields(raw, status);
    if (hasLocation && this.#rules.rewritesLocation) this.#rewriteLocations(fields);
    if (!this.#received.complete) {
      fields.push('Connection', 'close');
      this.#response.shouldKeepAlive = false;
      lingerBeforeClose(this.#received);
    }
    this.#response.writeHead(status, reasonOf(status, reason), fields);
    this.#status = status;
    this.#contentLength = contentLength;
    this.#resume = resume;
    this.#target?.health.requestSucceeded();
    const { metrics, upstream } = this.#rules;
    metrics.upstreamAnswered(upstream, status, (performance.now() - this.#startedAt) / 1000);
    // undici would wait for the body that a Content-Length announces, which RFC 9110 §8.6 allows in a 304.
    if ((status === 304 || status === 204) && contentLength > 0) this.onComplete();
    else flushHeadSoon(this);
    return true;
  }

  #rewriteLocations(fields: string[]): void {
    if (this.#target === undefined) return;
    rewriteLocations(fields, this.#target.origin, this.#sentFields, {
      publicOrigin: this.#request.publicOrigin,
      basePath: this.#rules.basePath,
      strippedPrefix: this.#request.strippedPrefix,
    });
  }

  flushHead(): void {
    if (!this.#isBodyBegun && !this.#response.writableEnded) this.#response.flushHeaders();
  }

  onData(chunk: Buffer): boolean {
    this.#isBodyBegun = true;
    if (chunk.length === this.#contentLength && chunk.length <= JOINED_BODY_BYTES) {
      this.#response.end(chunk.toString('latin1'), 'latin1');
      return true;
    }
    if (this.#response.write(chunk)) return true;
    this.#pause();
    return false;
  }

  #pause(): void {
    const { idle } = this.#request.timeouts;
    this.#slowClient ??= holdForClient(
      this.#response,
      () => this.#resume?.(),
      idle,
      () => this.#stop(new ExchangeStopped('request_timeout', 'the client stopped reading')),
    );
    this.#slowClient.pause();
  }

  onComplete(): void {
    if (!this.#response.writableEnded) this.#response.end();
    this.#finish({ kind: 'answered', status: this.#status, target: this.#target?.origin ?? '' });
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
    const next = mayRetry(this, this.#request, error) ? this.#nextTarget(target) : undefined;
    if (next === undefined) return this.#fail(error);
    this.#leaveTarget();
    // Not from inside the failing connection's event.
    queueMicrotask(() => {
      if (!this.#isOver) this.#send(next);
    });
    return undefined;
  }

  /** Each other target once; the same one only if its old connection was the fault and there is no other. */
  #nextTarget(failed: PooledTarget): PooledTarget | undefined {
    const isFirstRetry = this.#tried.length === 0;
    this.#tried = [...this.#tried, failed];
    const other = this.#balancer.choose(this.#rules.clock(), this.#tried)?.target;
    return other ?? (isFirstRetry && this.isConnected ? failed : undefined);
  }

  #truncate(error: unknown): void {
    const { code, reason } = failureOf(error);
    this.#count(code);
    cutOff(this.#received, this.#response);
    this.#finish({ kind: 'truncated', status: this.#status, reason });
  }

  #clientLeft(): void {
    if (this.#isOver) return;
    this.#finish({ kind: 'clientGone', status: this.#status === 0 ? undefined : this.#status });
  }

  /** Ends the exchange for a reason of ours. */
  #stop(error: ExchangeStopped): void {
    if (this.#isOver) {
      // Its answer is out and the rest of its body breaks the rules: nothing more is read from this connection.
      this.#received.destroy();
    } else if (this.#status === 0) this.#fail(error);
    else this.#truncate(error);
  }

  #fail(error: unknown): void {
    const { code, reason } = failureOf(error);
    this.#count(code);
    this.#finish({ kind: 'failed', code, reason });
  }

  #count(code: DenyCode): void {
    if (DENY_CODES[code].owner === 'upstream') this.#rules.metrics.upstreamFailed(this.#rules.upstream, code);
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
