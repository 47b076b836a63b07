import type { Denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { type DenyCode } from '../http/deny-codes.ts';
import { problemOf, templatedProblem } from '../http/problem.ts';
import { nextDecisionId } from './decision-id.ts';
import type { DecisionFacts } from './find-route.ts';
import type { Framing } from './framing.ts';
import type { OpenRequest } from './open-requests.ts';
import { normaliseAddress } from './peer.ts';
import type { ExchangeContext, Reception } from './reception.ts';
import { type RequestEnd, recordEnd } from './records.ts';
import { refusalFields, sendRefusal } from './refuse.ts';
import type { Runtime } from './runtime.ts';

const NO_BODY: Framing = { kind: 'none' };

/** What every request comes to in the end: one answer and one record. */
export abstract class Conclusion {
  protected readonly reception: Reception;
  protected readonly runtime: Runtime;
  protected readonly context: ExchangeContext;
  protected readonly now: EpochMilliseconds;
  protected readonly startedAt: number;
  protected framing: Framing = NO_BODY;
  protected facts: DecisionFacts = {};
  protected peer: string;
  protected bodyIsHeld: boolean;
  protected isEnded = false;
  /** What it holds of the limits on concurrency; undefined before it is forwarded. */
  protected open: OpenRequest | undefined;
  /** Fields by which pages of other origins may read the answer. */
  protected crossOrigin: readonly string[] | undefined;

  constructor(reception: Reception, runtime: Runtime, context: ExchangeContext) {
    this.reception = reception;
    this.runtime = runtime;
    this.context = context;
    this.now = context.clock();
    this.startedAt = performance.now();
    this.peer = normaliseAddress(reception.peerAddress);
    this.bodyIsHeld = reception.expectation === 'continue';
  }

  protected refuse(refusal: Denial, closes: boolean): void {
    const fields = refusalFields(refusal, this.facts.route?.accepts);
    this.answer(refusal.code, fields, closes, 'denied', refusal.reason);
  }

  protected fail(code: DenyCode, reason: string, fields: readonly string[]): void {
    const decision = code === 'body_too_large' || code === 'request_timeout' ? 'denied' : 'failed';
    this.answer(code, fields, false, decision, reason);
  }

  private answer(
    code: DenyCode,
    fields: readonly string[],
    closes: boolean,
    decision: 'denied' | 'failed',
    reason: string,
  ): void {
    const { received, response } = this.reception;
    const decisionId = nextDecisionId();
    const routeId = this.facts.route?.id;
    const template = routeId === undefined ? undefined : this.runtime.refusalTemplates.get(routeId);
    const problem =
      template === undefined ? problemOf(code, decisionId) : templatedProblem(template, code, decisionId);
    const framing = this.framing;
    sendRefusal(received, response, {
      problem,
      decisionId,
      fields: this.crossOrigin === undefined ? fields : [...fields, ...this.crossOrigin],
      closes,
      bodyIsHeld: this.bodyIsHeld,
      bodyLength: framing.kind === 'chunked' ? undefined : framing.kind === 'sized' ? framing.length : 0,
    });
    this.end(code, reason, problem.status, decisionId, decision);
  }

  protected end(
    code: 'admitted' | DenyCode,
    reason: string | undefined,
    status: number,
    decisionId?: string,
    decision: 'admitted' | 'denied' | 'failed' = code === 'admitted' ? 'admitted' : 'failed',
  ): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.runtime.release();
    if (this.open !== undefined) this.context.openRequests.leave(this.open);
    const end = this.endOf(code, reason, status, decisionId, decision);
    recordEnd(end, this.runtime.settings, this.context);
  }

  protected endOf(
    code: RequestEnd['code'],
    reason: string | undefined,
    status: number,
    decisionId?: string,
    decision: RequestEnd['decision'] = 'admitted',
  ): RequestEnd {
    return {
      facts: this.facts,
      decision,
      code,
      reason,
      status,
      decisionId,
      method: this.reception.received.method ?? '',
      peer: this.peer,
      at: this.now,
      durationSeconds: (performance.now() - this.startedAt) / 1e3,
    };
  }
}
