import { randomUUID } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import type { AuditRecord } from '../audit/audit-record.ts';
import type { Refusal } from '../base/refusal.ts';
import type { Result } from '../base/result.ts';
import { withoutQuery } from '../telemetry/redaction.ts';
import type { AdminContext } from './admin-context.ts';
import { problemOf } from './problem.ts';

/** Request decorations: who asks, and the id that ties answer, log and audit together. */
export const ADMINISTRATOR = 'administrator';
export const DECISION_ID = 'decisionId';

export interface ChangeDescription {
  /** E.g. `keys.create`. */
  readonly action: string;
  /** What it is about; ids only. */
  readonly about?: Pick<AuditRecord, 'tenant' | 'credential' | 'reason'>;
}

/**
 * Makes a change so that none goes without a record: the attempt is durable before it, and a store that cannot take it
 * fails the change with 503; the outcome follows. `describe` adds what is known only afterwards. Throws `AdminProblem`
 * for a refusal.
 */
export async function makeAuditedChange<T>(
  context: AdminContext,
  request: FastifyRequest,
  { action, about = {} }: ChangeDescription,
  make: (administrator: string) => Promise<Result<T, Refusal>>,
  describe: (value: T) => ChangeDescription['about'] = () => ({}),
): Promise<T> {
  const administrator = request.getDecorator<string>(ADMINISTRATOR);
  const base = { ...administrationRecord(context, request), code: action, ...about };
  await context.audit.recordNow({ ...base, decision: 'attempted' });
  let result: Result<T, Refusal>;
  try {
    result = await make(administrator);
  } catch (error) {
    conclude(context, { ...base, decision: 'failed', reason: 'the change failed; see the log' });
    throw error;
  }
  if (!result.ok) {
    conclude(context, { ...base, decision: 'denied', reason: result.error.message });
    throw problemOf(result.error);
  }
  conclude(context, { ...base, decision: 'changed', ...describe(result.value) });
  return result.value;
}

/** Queued: the attempt is durable already, and a change that was made is not called failed for want of its second record. */
function conclude(context: AdminContext, record: AuditRecord): void {
  context.audit.record({ ...record, at: context.clock() });
}

/** The members that every administration record has. */
export function administrationRecord(
  context: AdminContext,
  request: FastifyRequest,
): Omit<AuditRecord, 'code' | 'decision'> {
  const administrator = request.getDecorator<string>(ADMINISTRATOR);
  return {
    at: context.clock(),
    decisionId: request.getDecorator<string>(DECISION_ID),
    event: 'administration',
    ...(administrator !== '' && { subject: `admin:${administrator}` }),
    method: request.method,
    path: withoutQuery(request.url),
    peer: request.ip,
  };
}

export function newDecisionId(): string {
  return randomUUID();
}
