import type { Logger } from 'pino';
import type { AuditRecord } from '../audit/audit-record.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Settings } from '../config/schema/config.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { nextDecisionId } from './decision-id.ts';
import type { DecisionFacts } from './find-route.ts';
import type { Observations } from './observations.ts';

/** How one request ended. */
export interface RequestEnd {
  readonly facts: DecisionFacts;
  readonly decision: 'admitted' | 'denied' | 'failed' | 'observed';
  readonly code: 'admitted' | DenyCode;
  /** For people inside only. */
  readonly reason: string | undefined;
  /** Status that the client got; 499 if it left before one. */
  readonly status: number;
  /** Undefined: the client was told none. */
  readonly decisionId: string | undefined;
  readonly method: string;
  readonly peer: string;
  readonly at: EpochMilliseconds;
  readonly durationSeconds: number;
}

export interface Recorder {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly audit: { record(record: AuditRecord): void };
  readonly observations: Observations;
}

/** Metrics always; audit and log as configured. Faults and outages always reach the log. */
export function recordEnd(
  end: RequestEnd,
  settings: Pick<Settings, 'audit' | 'logging'> | undefined,
  recorder: Recorder,
): void {
  const route = nameOf(end.facts) ?? '';
  recorder.metrics.requestFinished(route, end.code, end.status, end.durationSeconds);
  recordDecision(end, settings, recorder);
}

/** As `recordEnd`, for what is no request to the metrics any more. */
export function recordDecision(
  end: RequestEnd,
  settings: Pick<Settings, 'audit' | 'logging'> | undefined,
  recorder: Recorder,
): void {
  // What is refused to save work is counted, and costs no more.
  if (end.code === 'overloaded') return;
  const isAdmitted = end.decision === 'admitted';
  const logs = settings?.logging.requests ?? 'denied';
  const isAudited = !isAdmitted || settings?.audit.requests === 'all' || givesOut(end);
  if (!isAudited && logs !== 'all') return;
  const decisionId = end.decisionId ?? nextDecisionId();
  if (isAudited) recorder.audit.record(auditRecordOf(end, decisionId));
  if (end.decision === 'failed') recorder.log.error(logFieldsOf(end, decisionId), 'request failed');
  else if (logs === 'all' || (logs === 'denied' && !isAdmitted))
    recorder.log.info(logFieldsOf(end, decisionId), isAdmitted ? 'request' : 'request denied');
}

/** A login, a token, a logout: what was given out or taken back is never missing from the audit stream. */
function givesOut({ facts, method }: RequestEnd): boolean {
  return facts.endpoint !== undefined && method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
}

/** What an observed route would have refused. The request goes on, and its end is recorded like any other. */
export function recordObserved(end: RequestEnd, recorder: Recorder): void {
  const { facts, code, reason = '', at } = end;
  const route = facts.route?.id ?? '';
  if (code === 'admitted') return;
  const observed: RequestEnd = { ...end, decision: 'observed' };
  const decisionId = nextDecisionId();
  recorder.metrics.observed(route, code);
  recorder.observations.record(route, facts.tenant, code, reason, at);
  recorder.audit.record(auditRecordOf(observed, decisionId));
  recorder.log.warn(logFieldsOf(observed, decisionId), 'observed: this request would have been refused');
}

/** Name of the route, or of the endpoint of the gateway's own. */
function nameOf({ route, endpoint }: DecisionFacts): string | undefined {
  return route?.id ?? endpoint;
}

function auditRecordOf(end: RequestEnd, decisionId: string): AuditRecord {
  const { facts } = end;
  const actor = facts.principal ?? facts.actor;
  const route = nameOf(facts);
  return {
    at: end.at,
    decisionId,
    event: 'request',
    decision: end.decision,
    code: end.code,
    ...(end.reason === undefined ? {} : { reason: end.reason }),
    ...(actor === undefined ? {} : { subject: actor.subject, credential: actor.credentialId }),
    ...(facts.tenant === undefined ? {} : { tenant: facts.tenant }),
    ...(route === undefined ? {} : { route }),
    method: end.method,
    ...(facts.host === undefined ? {} : { host: facts.host }),
    ...(facts.path === undefined ? {} : { path: facts.path }),
    peer: end.peer,
    status: end.status,
  };
}

function logFieldsOf(end: RequestEnd, decisionId: string): Record<string, unknown> {
  const { facts } = end;
  return {
    decisionId,
    code: end.code,
    reason: end.reason,
    status: end.status,
    method: end.method,
    host: facts.host,
    path: facts.path,
    route: nameOf(facts),
    tenant: facts.tenant,
    subject: (facts.principal ?? facts.actor)?.subject,
    peer: end.peer,
    ms: Math.round(end.durationSeconds * 1e6) / 1e3,
  };
}
