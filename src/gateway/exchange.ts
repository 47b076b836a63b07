import { denial } from '../authorization/denial.ts';
import { Outage } from '../base/outage.ts';
import type { Endpoint, EndpointAnswer } from '../endpoints/endpoint.ts';
import { DENY_CODES } from '../http/deny-codes.ts';
import { HTTP2 } from '../upstream/client-side.ts';
import type { ForwardOutcome } from '../upstream/upstream.ts';
import { type Admission, type Admitted, admit } from './admit.ts';
import { Conclusion } from './conclusion.ts';
import { answerPreflight, crossOriginOf, crossOriginOfEndpoint } from './cross-origin.ts';
import { judgeCall, readCallBody } from './endpoint-call.ts';
import type { AdmissionRequest } from './find-route.ts';
import { createForwardedRequest } from './forwarded-request.ts';
import { readFraming, requestBodyOf } from './framing.ts';
import { readHttp2Framing } from './http2-head.ts';
import type { ClosingCause, LiveConnection } from './live-connections.ts';
import { createLiveStream, decisionOf, switchToWebSocket } from './long-lived.ts';
import { asItCame, isObserved, passThroughOf, wouldBeRefusalOf } from './observe.ts';
import { readOrigin } from './peer.ts';
import type { ExchangeContext, Reception } from './reception.ts';
import { recordObserved } from './records.ts';
import { sendAnswer } from './refuse.ts';
import type { Forwarding, Runtime } from './runtime.ts';
import { judgeHandshake } from './web-socket-request.ts';

/** Seconds that a client should wait after an outage. */
const OUTAGE_RETRY_AFTER = '2';
const OVERLOADED = denial('overloaded', 'requests wait longer than limits.queueDelay', {
  retryAfterSeconds: 1,
});
/** The client left before it got a status; the number is nginx's, and it never goes over the wire. */
const CLIENT_CLOSED = 499;

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

/** The state of one request. A class, since one is made per request and closures for each step would cost more. */
class Exchange extends Conclusion {
  /** The answer is an event stream, which is held to its credential. */
  #stream: LiveConnection | undefined;
  #closedFor: ClosingCause | undefined;

  begin(): void {
    const { received, expectation } = this.reception;
    const runtime = this.runtime;
    if (received.rawHeaders.length > runtime.limits.fields * 2) {
      this.refuse(denial('fields_too_large', `more than ${runtime.limits.fields} fields`), true);
      return;
    }
    const fields = runtime.fieldReader.read(received.rawHeaders);
    const framing =
      received.httpVersion === HTTP2
        ? readHttp2Framing(received, fields, runtime.limits.fieldBytes)
        : readFraming(fields, received.httpVersion);
    if ('code' in framing) {
      this.refuse(framing, true);
      return;
    }
    this.framing = framing;
    // Not before: where the body ends has to be known, or every refusal would cost a connection.
    if (!this.context.loadShedder.admits()) {
      this.refuse(OVERLOADED, false);
      return;
    }
    if (expectation === 'other') {
      this.refuse(denial('expectation_failed', 'an expectation other than 100-continue'), false);
      return;
    }
    const origin = readOrigin(fields, this.peer, this.reception.isTls, runtime.trustedProxies);
    if (!origin.ok) {
      this.refuse(origin.error, false);
      return;
    }
    this.peer = origin.value.address;
    const request = {
      method: received.method ?? '',
      target: received.url ?? '',
      fields,
      origin: origin.value,
    };
    const endpoint = runtime.endpoints.find(request.method, request.target);
    if (endpoint !== undefined) {
      this.#call(endpoint, request).catch((error: unknown) => this.#callFailed(error));
      return;
    }
    if (request.method === 'OPTIONS' && this.#answersPreflight(request)) return;
    const admission = admit(request, runtime, this.now);
    if (admission instanceof Promise) {
      admission
        .then((decided) => this.#decide(decided, request))
        .catch((error: unknown) => this.fault(error));
    } else {
      this.#decide(admission, request);
    }
  }

  #answersPreflight(request: AdmissionRequest): boolean {
    const preflight = answerPreflight(request, this.runtime);
    if (preflight === undefined) return false;
    const { received, response } = this.reception;
    const { facts, fields } = preflight;
    this.facts = facts;
    sendAnswer(received, response, { status: 204, fields, body: '', decisionId: undefined });
    this.end('admitted', undefined, 204);
    return true;
  }

  /** A request to the gateway itself. */
  async #call(endpoint: Endpoint, request: AdmissionRequest): Promise<void> {
    const { received, response } = this.reception;
    const runtime = this.runtime;
    this.facts = { endpoint: endpoint.id };
    this.crossOrigin = crossOriginOfEndpoint(runtime.clients, request.fields);
    const head = judgeCall(endpoint, request, received, runtime, this.now);
    if (!head.ok) {
      this.refuse(head.error, false);
      return;
    }
    this.facts = { endpoint: endpoint.id, host: head.value.host, path: head.value.path };
    if (this.bodyIsHeld) {
      response.writeContinue();
      this.bodyIsHeld = false;
    }
    const body = await readCallBody(endpoint, received, this.framing, runtime.bodyPace);
    if (body.ok)
      this.#reply(await endpoint.answer({ ...head.value, body: body.value }), head.value.decisionId);
    else this.refuse(body.error, false);
  }

  #callFailed(error: unknown): void {
    if (error instanceof Outage) this.fail(error.code, error.message, ['Retry-After', OUTAGE_RETRY_AFTER]);
    else this.fault(error);
  }

  #reply({ status, fields, body, record }: EndpointAnswer, decisionId: string): void {
    const { received, response } = this.reception;
    const { code, reason, decision, principal, tenant } = record;
    sendAnswer(received, response, {
      status,
      fields,
      body,
      decisionId: decision === 'admitted' ? undefined : decisionId,
    });
    this.facts = { ...this.facts, actor: principal, tenant };
    this.end(code, reason, status, decisionId, decision);
  }

  /** A fault of ours: the request was not admitted, and the process lives on. */
  fault(error: unknown): void {
    this.context.log.error({ err: error }, 'a request could not be handled');
    if (!this.isEnded) this.fail('internal_error', error instanceof Error ? error.name : 'unknown', []);
  }

  #decide(admission: Admission, request: AdmissionRequest): void {
    this.facts = admission.facts;
    this.crossOrigin = crossOriginOf(admission.facts.route, request.fields);
    if (isObserved(admission, this.now)) {
      this.#observe(admission, request);
      return;
    }
    switch (admission.kind) {
      case 'denied':
        this.refuse(admission.denial, false);
        return;
      case 'outage':
        this.fail(admission.outage.code, admission.outage.message, ['Retry-After', OUTAGE_RETRY_AFTER]);
        return;
      case 'admitted':
        this.#forward(admission, request, this.#forwardingOf(admission));
    }
  }

  /** Says loudly what would have been refused, and lets the request pass as it came. */
  #observe(admission: Admission, request: AdmissionRequest): void {
    const passing = passThroughOf(request, this.runtime);
    if (passing === undefined) throw new Error('an observed request has no route any more');
    const refusal = wouldBeRefusalOf(admission);
    if (refusal !== undefined) recordObserved(this.endOf(refusal.code, refusal.reason, 0), this.context);
    this.#forward(passing, request, asItCame(this.#forwardingOf(passing)));
  }

  #forwardingOf({ route }: Admitted): Forwarding {
    const forwarding = this.runtime.forwardings.get(route.upstream);
    if (forwarding === undefined) throw new Error(`no upstream ${route.upstream}`);
    return forwarding;
  }

  #forward(admitted: Admitted, request: AdmissionRequest, forwarding: Forwarding): void {
    const { received, response } = this.reception;
    const { route } = admitted;
    if (response.destroyed) {
      this.end('admitted', undefined, CLIENT_CLOSED);
      return;
    }
    const body = requestBodyOf(this.framing, route.bodyLimit, route.bodyPace);
    if (body === undefined) {
      this.refuse(denial('body_too_large', `Content-Length is over ${route.bodyLimit}`), false);
      return;
    }
    const accept = judgeHandshake(received, route.webSocketOrigins, this.reception.upgrade !== undefined);
    if (!accept.ok) {
      this.refuse(accept.error, true);
      return;
    }
    const open = this.context.openRequests.enter(admitted, this.runtime.limits.concurrency);
    if ('code' in open) {
      this.refuse(open, false);
      return;
    }
    this.open = open;
    if (this.bodyIsHeld) {
      response.writeContinue();
      this.bodyIsHeld = false;
    }
    forwarding.upstream.forward(
      createForwardedRequest(admitted, request, forwarding, this.now, {
        body,
        accept: accept.value,
        sessionKeeper: this.runtime.sessionKeeper,
        crossOrigin: this.crossOrigin,
        eventStreamBegan: (end) => this.#holdStream(admitted, end),
      }),
      received,
      response,
      (outcome) => this.#finish(outcome, admitted),
    );
  }

  #holdStream(admitted: Admitted, end: () => void): void {
    this.#stream = createLiveStream(admitted, this.now, (cause) => {
      this.#closedFor = cause;
      end();
    });
    this.context.live.add(this.#stream);
  }

  #switch(outcome: Extract<ForwardOutcome, { kind: 'switched' }>, admitted: Admitted): void {
    const begun = this.endOf('admitted', undefined, 101);
    this.isEnded = true;
    this.runtime.release();
    const { open, startedAt } = this;
    switchToWebSocket(
      { begun, startedAt, admitted, outcome, upgrade: this.reception.upgrade, open },
      this.runtime.settings,
      this.context,
    );
  }

  #finish(outcome: ForwardOutcome, admitted: Admitted): void {
    if (this.#stream !== undefined)
      this.context.live.remove(this.#stream, outcome.kind === 'clientGone' ? 'client' : 'upstream');
    switch (outcome.kind) {
      case 'switched':
        this.#switch(outcome, admitted);
        return;
      case 'ended': {
        const { code = 'admitted', detail } = this.#closedFor ?? {};
        this.end(code, detail, outcome.status, undefined, decisionOf(code));
        return;
      }
      case 'answered':
        this.end('admitted', undefined, outcome.status);
        return;
      case 'clientGone':
        this.end('admitted', 'the client left', outcome.status ?? CLIENT_CLOSED);
        return;
      case 'truncated':
        this.end('upstream_unavailable', outcome.reason, outcome.status);
        return;
      case 'failed':
        this.fail(
          outcome.code,
          outcome.reason,
          DENY_CODES[outcome.code].status === 503 ? ['Retry-After', OUTAGE_RETRY_AFTER] : [],
        );
    }
  }
}
