import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Result } from '../base/result.ts';
import { nextDecisionId } from '../gateway/decision-id.ts';
import type { DecisionFacts } from '../gateway/find-route.ts';
import { type Recorder, type RequestEnd, recordEnd, recordObserved } from '../gateway/records.ts';
import { refusalFields } from '../gateway/refuse.ts';
import type { Runtime } from '../gateway/runtime.ts';
import { DENY_CODES, type DenyCode } from '../http/deny-codes.ts';
import { problemOf, templatedProblem } from '../http/problem.ts';
import type { LoadShedder } from '../limits/load-shedder.ts';
import type { CheckedRequest } from './checked-request.ts';
import type { CheckAnswer, Dialect } from './dialect.ts';
import { type Judgement, judgeCheck } from './judge-check.ts';

/** Seconds that a client should wait after an outage. */
const OUTAGE_RETRY_AFTER = '2';

/** Who asks, and by which generation of the configuration it is answered. */
export interface CheckContext {
  readonly peerAddress: string;
  readonly runtime: Runtime;
  readonly recorder: Recorder;
  readonly loadShedder: LoadShedder;
  readonly now: EpochMilliseconds;
}

/** One check, from what was read of it to the answer, recorded like a request of the client itself. Never rejects. */
export async function answerCheck(
  read: Result<CheckedRequest, Denial>,
  dialect: Pick<Dialect, 'allow' | 'refuse'>,
  context: CheckContext,
): Promise<CheckAnswer> {
  const check = new Check(read.ok ? read.value.method : '', dialect, context);
  const { runtime, recorder } = context;
  runtime.acquire();
  recorder.metrics.requestStarted();
  try {
    if (!context.loadShedder.admits())
      return check.fail('overloaded', 'checks wait longer than limits.queueDelay', {});
    if (!read.ok) return check.refuse(read.error, {});
    return check.conclude(await judgeCheck(read.value, context.peerAddress, runtime, context.now));
  } catch (error) {
    recorder.log.error({ err: error }, 'a check could not be handled');
    return check.fail('internal_error', error instanceof Error ? error.name : 'unknown', {});
  } finally {
    runtime.release();
  }
}

/** A peer that may not ask learns nothing, and nothing of what it sent is read. */
export const STRANGER: Denial = denial(
  'peer_forbidden',
  'a peer that is not on the list of the forward-auth listener',
);

class Check {
  readonly #method: string;
  readonly #dialect: Pick<Dialect, 'allow' | 'refuse'>;
  readonly #context: CheckContext;
  readonly #startedAt = performance.now();

  constructor(method: string, dialect: Pick<Dialect, 'allow' | 'refuse'>, context: CheckContext) {
    this.#method = method;
    this.#dialect = dialect;
    this.#context = context;
  }

  conclude(judgement: Judgement): CheckAnswer {
    switch (judgement.kind) {
      case 'allowed': {
        const { facts, allowance, observed } = judgement;
        const answer = this.#dialect.allow(allowance);
        if (observed !== undefined) {
          const { code, reason } = observed;
          recordObserved(this.#endOf(facts, 'observed', code, reason, 0, undefined), this.#context.recorder);
        }
        this.#record(facts, 'admitted', 'admitted', undefined, answer.status, undefined);
        return answer;
      }
      case 'outage':
        return this.fail(judgement.outage.code, judgement.outage.message, judgement.facts);
      case 'denied':
        return this.refuse(judgement.denial, judgement.facts);
    }
  }

  refuse(refusal: Denial, facts: DecisionFacts): CheckAnswer {
    const { route } = facts;
    const { code, reason } = refusal;
    const decisionId = nextDecisionId();
    const template = route === undefined ? undefined : this.#context.runtime.refusalTemplates.get(route.id);
    const problem =
      template === undefined ? problemOf(code, decisionId) : templatedProblem(template, code, decisionId);
    this.#record(facts, 'denied', code, reason, problem.status, decisionId);
    return this.#dialect.refuse({
      ...problem,
      fields: [...refusalFields(refusal, route?.accepts), ...commonFields(decisionId)],
    });
  }

  /** In every dialect a check that cannot be answered is an outage, which no proxy is to take for a refusal. */
  fail(code: DenyCode, reason: string, facts: DecisionFacts): CheckAnswer {
    const decisionId = nextDecisionId();
    const status = DENY_CODES[code].status === 500 ? 500 : 503;
    this.#record(facts, 'failed', code, reason, status, decisionId);
    return this.#dialect.refuse({
      ...problemOf(code, decisionId),
      status,
      fields: ['Retry-After', OUTAGE_RETRY_AFTER, ...commonFields(decisionId)],
    });
  }

  #record(
    facts: DecisionFacts,
    decision: RequestEnd['decision'],
    code: RequestEnd['code'],
    reason: string | undefined,
    status: number,
    decisionId: string | undefined,
  ): void {
    const { runtime, recorder } = this.#context;
    recordEnd(this.#endOf(facts, decision, code, reason, status, decisionId), runtime.settings, recorder);
  }

  #endOf(
    facts: DecisionFacts,
    decision: RequestEnd['decision'],
    code: RequestEnd['code'],
    reason: string | undefined,
    status: number,
    decisionId: string | undefined,
  ): RequestEnd {
    return {
      facts,
      decision,
      code,
      reason,
      status,
      decisionId,
      method: this.#method,
      peer: this.#context.peerAddress,
      at: this.#context.now,
      durationSeconds: (performance.now() - this.#startedAt) / 1000,
    };
  }
}

function commonFields(decisionId: string): readonly string[] {
  return ['Cache-Control', 'no-store', 'Gatehouse-Decision-Id', decisionId];
}
