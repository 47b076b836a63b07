import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Denial, denial } from '../authorization/denial.ts';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { challengesFor } from '../http/challenge.ts';
import { DENY_CODES, type DenyCode } from '../http/deny-codes.ts';
import { problemOf, templatedProblem } from '../http/problem.ts';
import type { ForwardOutcome, RequestBody } from '../upstream/upstream.ts';
import { type Admission, type Admitted, admit } from './admit.ts';
import { nextDecisionId } from './decision-id.ts';
import type { AdmissionRequest, DecisionFacts } from './find-route.ts';
import { createForwardedFields } from './forwarded-fields.ts';
import { type Framing, readFraming } from './framing.ts';
import { normaliseAddress, readOrigin } from './peer.ts';
import { type Recorder, recordEnd } from './records.ts';
import { sendRefusal } from './refuse.ts';
import type { Runtime } from './runtime.ts';

/** Seconds that a client should wait after an outage. */
const OUTAGE_RETRY_AFTER = '2';
/** The client left before it got a status; the number is nginx's, and it never goes over the wire. */
const CLIENT_CLOSED = 499;

export interface ExchangeContext extends Recorder {
  readonly clock: Clock;
}

/** What the listener knows of a request beyond the message itself. */
export interface Reception {
  readonly received: IncomingMessage;
  readonly response: ServerResponse;
  readonly peerAddress: string;
  readonly isTls: boolean;
  /** `continue`: the client waits for 100; `other`: an expectation that nobody can meet. */
  readonly expectation: 'none' | 'continue' | 'other';
}

/** One request from its head to its end. Throws nothing; every way out is recorded exactly once. */
export function runExchange(reception: Reception, runtime: Runtime, context: ExchangeContext): void {
  const exchange = new Exchange(reception, runtime, context);
  runtime.acquire();
  context.metrics.requestStarted();
  try {
    exchange.begin();
  } catch (error) {
    exchange.fault(error);
  }
}

const NO_BODY: Framing = { kind: 'none' };
const BODILESS: RequestBody = { kind: 'none' };

/** The state of one request. A class, since one is made per request and closures for each step would cost more. */
class Exchange {
  readonly #reception: Reception;
  readonly #runtime: Runtime;
  readonly #context: ExchangeContext;
  readonly #now: EpochMilliseconds;
  readonly #startedAt: number;
  #framing: Framing = NO_BODY;
  #facts: DecisionFacts = {};
  #peer: string;
  #bodyIsHeld: boolean;
  #isEnded = false;

  constructor(reception: Reception, runtime: Runtime, context: ExchangeContext) {
    this.#reception = reception;
    this.#runtime = runtime;
    this.#context = context;
    this.#now = context.clock();
    this.#startedAt = performance.now();
    this.#peer = normaliseAddress(reception.peerAddress);
    this.#bodyIsHeld = reception.expectation === 'continue';
  }

  begin(): void {
    const { received, expectation } = this.#reception;
    const runtime = this.#runtime;
    if (received.rawHeaders.length > runtime.limits.fields * 2) {
      this.#refuse(denial('fields_too_large', `more than ${runtime.limits.fields} fields`), true);
      return;
    }
    const fields = runtime.fieldReader.read(received.rawHeaders);
    const framing = readFraming(fields, received.httpVersion);
    if ('code' in framing) {
      this.#refuse(framing, true);
      return;
    }
    this.#framing = framing;
    if (expectation === 'other') {
      this.#refuse(denial('expectation_failed', 'an expectation other than 100-continue'), false);
      return;
    }
    const origin = readOrigin(fields, this.#peer, this.#reception.isTls, runtime.trustedProxies);
    if (!origin.ok) {
      this.#refuse(origin.error, false);
      return;
    }
    this.#peer = origin.value.address;
    const request = {
      method: received.method ?? '',
      target: received.url ?? '',
      fields,
      origin: origin.value,
    };
    const admission = admit(request, runtime, this.#now);
    if (admission instanceof Promise) {
      admission
        .then((decided) => this.#decide(decided, request))
        .catch((error: unknown) => this.fault(error));
    } else {
      this.#decide(admission, request);
    }
  }

  /** A fault of ours: the request was not admitted, and the process lives on. */
  fault(error: unknown): void {
    this.#context.log.error({ err: error }, 'a request could not be handled');
    if (!this.#isEnded) this.#fail('internal_error', error instanceof Error ? error.name : 'unknown', []);
  }

  #decide(admission: Admission, request: AdmissionRequest): void {
    this.#facts = admission.facts;
    switch (admission.kind) {
      case 'denied':
        this.#refuse(admission.denial, false);
        return;
      case 'outage':
        this.#fail(admission.outage.code, admission.outage.message, ['Retry-After', OUTAGE_RETRY_AFTER]);
        return;
      case 'admitted':
        this.#forward(admission, request);
    }
  }

  #forward(admitted: Admitted, request: AdmissionRequest): void {
    const { received, response } = this.#reception;
    const { route, target } = admitted;
    const forwarding = this.#runtime.forwardings.get(route.upstream);
    if (forwarding === undefined) throw new Error(`no upstream ${route.upstream}`);
    if (response.destroyed) {
      this.#end('admitted', undefined, CLIENT_CLOSED);
      return;
    }
    const body = this.#requestBody(route.bodyLimit);
    if (body === undefined) {
      this.#refuse(denial('body_too_large', `Content-Length is over ${route.bodyLimit}`), false);
      return;
    }
    if (this.#bodyIsHeld) {
      response.writeContinue();
      this.#bodyIsHeld = false;
    }
    const path = forwarding.basePath === '' ? admitted.path : forwarding.basePath + admitted.path;
    const sent = { path, query: target.query };
    forwarding.upstream.forward(
      {
        method: request.method,
        target: target.query === '' && !request.target.includes('?') ? path : `${path}?${target.query}`,
        fieldsFor: createForwardedFields(
          admitted,
          request.fields,
          request.origin,
          forwarding,
          sent,
          request.method,
          this.#now,
        ),
        body,
        tenant: admitted.tenant?.id,
        publicOrigin: `${request.origin.scheme}://${request.origin.host ?? admitted.authority.host}`,
        strippedPrefix: route.stripPrefix,
        timeouts: route.timeouts,
      },
      received,
      response,
      (outcome) => this.#finish(outcome),
    );
  }

  #requestBody(limit: number): RequestBody | undefined {
    const framing = this.#framing;
    const idleMilliseconds = this.#runtime.limits.bodyIdle;
    if (framing.kind === 'none') return BODILESS;
    if (framing.kind === 'chunked') return { kind: 'chunked', limit, idleMilliseconds };
    return framing.length > limit ? undefined : { kind: 'sized', length: framing.length, idleMilliseconds };
  }

  #finish(outcome: ForwardOutcome): void {
    switch (outcome.kind) {
      case 'answered':
        this.#end('admitted', undefined, outcome.status);
        return;
      case 'clientGone':
        this.#end('admitted', 'the client left', outcome.status ?? CLIENT_CLOSED);
        return;
      case 'truncated':
        this.#end('upstream_unavailable', outcome.reason, outcome.status);
        return;
      case 'failed':
        this.#fail(
          outcome.code,
          outcome.reason,
          DENY_CODES[outcome.code].status === 503 ? ['Retry-After', OUTAGE_RETRY_AFTER] : [],
        );
    }
  }

  #refuse(refusal: Denial, closes: boolean): void {
    const accepts = this.#facts.route?.accepts;
    const fields: string[] = [];
    if (accepts !== undefined) {
      for (const challenge of challengesFor(refusal.code, accepts, refusal.scopes))
        fields.push('WWW-Authenticate', challenge);
    }
    if (refusal.allow !== undefined) fields.push('Allow', refusal.allow.join(', '));
    if (refusal.retryAfterSeconds !== undefined)
      fields.push('Retry-After', String(Math.max(1, Math.ceil(refusal.retryAfterSeconds))));
    this.#answer(refusal.code, fields, closes, 'denied', refusal.reason);
  }

  #fail(code: DenyCode, reason: string, fields: readonly string[]): void {
    const decision = code === 'body_too_large' || code === 'request_timeout' ? 'denied' : 'failed';
    this.#answer(code, fields, false, decision, reason);
  }

  #answer(
    code: DenyCode,
    fields: readonly string[],
    closes: boolean,
    decision: 'denied' | 'failed',
    reason: string,
  ): void {
    const { received, response } = this.#reception;
    const decisionId = nextDecisionId();
    const routeId = this.#facts.route?.id;
    const template = routeId === undefined ? undefined : this.#runtime.refusalTemplates.get(routeId);
    const problem =
      template === undefined ? problemOf(code, decisionId) : templatedProblem(template, code, decisionId);
    const framing = this.#framing;
    sendRefusal(received, response, {
      problem,
      decisionId,
      fields,
      closes,
      bodyIsHeld: this.#bodyIsHeld,
      bodyLength: framing.kind === 'chunked' ? undefined : framing.kind === 'sized' ? framing.length : 0,
    });
    this.#end(code, reason, problem.status, decisionId, decision);
  }

  #end(
    code: 'admitted' | DenyCode,
    reason: string | undefined,
    status: number,
    decisionId?: string,
    decision: 'admitted' | 'denied' | 'failed' = code === 'admitted' ? 'admitted' : 'failed',
  ): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#runtime.release();
    recordEnd(
      {
        facts: this.#facts,
        decision,
        code,
        reason,
        status,
        decisionId,
        method: this.#reception.received.method ?? '',
        peer: this.#peer,
        at: this.#now,
        durationSeconds: (performance.now() - this.#startedAt) / 1e3,
      },
      this.#runtime.settings,
      this.#context,
    );
  }
}
