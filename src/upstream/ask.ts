import { DENY_CODES, type DenyCode } from '../http/deny-codes.ts';
import { answerFields } from './answer-fields.ts';
import { type Balancer, NONE_TRIED } from './balancer.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import { ExchangeStopped, failureOf } from './failure.ts';
import { rewriteLocations } from './location.ts';
import { mayRetry, nextTarget, type Progress } from './retry.ts';
import type { PooledTarget } from './target.ts';
import type { OwnAnswer, OwnRequest, RequestBody } from './upstream.ts';
import type { AnswerReceiver } from './wire/answer-receiver.ts';
import type { Connection } from './wire/connection.ts';

/** The upstream did not answer a request of the gateway's own. `message` is for the log: it may name addresses. */
export class AskFailed extends Error {
  /** `upstream_timeout`, `upstream_unavailable` or `internal_error`. */
  readonly code: DenyCode;

  constructor(code: DenyCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'AskFailed';
    this.code = code;
  }
}

type Attempt =
  | { readonly kind: 'answered'; readonly answer: OwnAnswer }
  | { readonly kind: 'failed'; readonly error: unknown; readonly progress: Progress };

/** `Upstream.ask`, with the same targets, connections and health as forwarded requests. */
export async function ask(rules: ExchangeRules, balancer: Balancer, request: OwnRequest): Promise<OwnAnswer> {
  const { clock, metrics, upstream } = rules;
  const end = performance.now() + request.timeoutMilliseconds;
  let tried = NONE_TRIED;
  const choice = balancer.choose(clock(), tried);
  if (choice?.isPanic === true) metrics.upstreamFailed(upstream, 'no_healthy_target');
  let target = choice?.target;
  let error: unknown = new Error('the upstream has no target');
  while (target !== undefined) {
    const fields = request.fieldsFor(target);
    const attempt = await send(rules, target, fields, request, end - performance.now());
    if (attempt.kind === 'answered') return attempt.answer;
    error = attempt.error;
    if (!failureOf(error).isTargets) break;
    target.health.requestFailed(clock(), rules.health);
    tried = [...tried, target];
    const sent = { method: request.method, body: bodyOf(request) };
    target = mayRetry(attempt.progress, sent, error)
      ? nextTarget(balancer, clock(), tried, attempt.progress.isConnected)
      : undefined;
  }
  const { code, reason } = failureOf(error);
  if (DENY_CODES[code].owner === 'upstream') metrics.upstreamFailed(upstream, code);
  throw new AskFailed(code, reason, { cause: error });
}

function bodyOf({ body }: OwnRequest): RequestBody {
  return body === undefined
    ? { kind: 'none' }
    : { kind: 'sized', length: body.length, idleMilliseconds: 0, bytesPerSecond: 0 };
}

/** One attempt at one target. Never rejects. */
function send(
  rules: ExchangeRules,
  target: PooledTarget,
  fields: readonly string[],
  request: OwnRequest,
  milliseconds: number,
): Promise<Attempt> {
  const { promise, resolve } = Promise.withResolvers<Attempt>();
  const startedAt = performance.now();
  const progress = { isConnected: false, isConnectionReused: false, isAnswerBegun: false };
  const chunks: Buffer[] = [];
  let length = 0;
  let head: Omit<OwnAnswer, 'body'> | undefined;
  let connection: Connection | undefined;
  let isOver = false;
  const timer = setTimeout(
    () => fail(new ExchangeStopped('upstream_timeout', 'the answer did not come in time')),
    Math.max(0, milliseconds),
  );

  function finish(attempt: Attempt): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    target.inFlight -= 1;
    target.health.requestAbandoned();
    resolve(attempt);
  }

  function fail(error: Error): void {
    finish({ kind: 'failed', error, progress });
    if (connection === undefined) target.pool.forget(receiver);
    else connection.abandon(receiver);
  }

  function take(bytes: Buffer): boolean {
    length += bytes.length;
    if (length > request.answerLimit) throw tooLong(request);
    chunks.push(bytes);
    return true;
  }

  const receiver: AnswerReceiver = {
    connected(given) {
      if (isOver) return false;
      connection = given;
      progress.isConnected = true;
      progress.isConnectionReused = given.isReused;
      return true;
    },
    answerBegun() {
      progress.isAnswerBegun = true;
    },
    informed() {},
    headReceived({ status, fields: received }) {
      const { fields: answered, contentLength } = answerFields(received, status);
      if (contentLength > request.answerLimit) throw tooLong(request);
      if (rules.rewritesLocation && request.publicOrigin !== undefined)
        rewriteLocations(answered, target.origin, fields, {
          publicOrigin: request.publicOrigin,
          basePath: rules.basePath,
          strippedPrefix: '',
        });
      head = { status, fields: answered };
      target.health.requestSucceeded();
      rules.metrics.upstreamAnswered(rules.upstream, status, (performance.now() - startedAt) / 1000);
      return true;
    },
    bodyAwaited() {},
    wholeBodyReceived: (text) => void take(Buffer.from(text, 'latin1')),
    bodyReceived: (bytes, isLent) => take(isLent ? Buffer.from(bytes) : bytes),
    completed() {
      if (head !== undefined) finish({ kind: 'answered', answer: { ...head, body: Buffer.concat(chunks) } });
    },
    // Never asked for.
    switched: (_, socket) => void socket.destroy(),
    failed(error) {
      finish({ kind: 'failed', error, progress });
    },
  };

  target.inFlight += 1;
  target.health.requestStarted();
  target.pool.dispatch(
    {
      method: request.method,
      target: rules.basePath + request.target,
      fields,
      body: request.body,
      isHandshake: false,
      headMilliseconds: 0,
      idleMilliseconds: 0,
    },
    receiver,
  );
  return promise;
}

/** No fault of the target's: others may well take such an answer from it. */
function tooLong({ answerLimit }: OwnRequest): ExchangeStopped {
  return new ExchangeStopped('upstream_unavailable', `the answer is longer than ${answerLimit} bytes`);
}
