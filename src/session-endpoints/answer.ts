import type { AcceptedCredentials } from '../credentials/credential.ts';
import type { EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import { challengesFor } from '../http/challenge.ts';
import { type CorsPolicy, crossOriginFields, preflightFields } from '../http/cors.ts';
import { problemOf } from '../http/problem.ts';
import type { Outcome, Refused } from './outcome.ts';

/** What pages of listed origins may do with an endpoint; whose origins those are depends on the answer. */
export type EndpointCors = Omit<CorsPolicy, 'lists'>;

type ListsOrigin = CorsPolicy['lists'];

/** A preflight names no client: a listed origin of any of them may ask. */
export function answerPreflight(call: EndpointCall, cors: EndpointCors, lists: ListsOrigin): EndpointAnswer {
  return {
    status: 204,
    fields: preflightFields({ ...cors, lists }, originOf(call)),
    body: '',
    record: { decision: 'admitted', code: 'admitted', reason: 'a preflight' },
  };
}

/**
 * Puts an outcome into words. Whose session it is decides which pages may read the answer; where there is none, it says nothing of
 * anybody, and `listsAny` decides.
 */
export function writeAnswer(
  outcome: Outcome,
  call: EndpointCall,
  cors: EndpointCors,
  listsAny: ListsOrigin,
  accepts: ReadonlySet<AcceptedCredentials>,
): EndpointAnswer {
  const { client, cookies = [] } = outcome;
  const lists = client === undefined ? listsAny : (origin: string) => client.origins.includes(origin);
  const fields = [
    'Cache-Control',
    'no-store',
    'X-Content-Type-Options',
    'nosniff',
    ...crossOriginFields({ ...cors, lists }, originOf(call)),
    ...cookies.flatMap((cookie) => ['Set-Cookie', cookie]),
  ];
  if (outcome.kind === 'refused') return writeRefusal(outcome, call, fields, accepts);
  const record = { decision: 'admitted', code: 'admitted', ...outcome.record } as const;
  if (outcome.body === undefined) return { status: 204, fields, body: '', record };
  fields.push('Content-Type', 'application/json');
  return { status: 200, fields, body: `${JSON.stringify(outcome.body)}\n`, record };
}

function writeRefusal(
  { denial, tenant }: Refused,
  call: EndpointCall,
  fields: readonly string[],
  accepts: ReadonlySet<AcceptedCredentials>,
): EndpointAnswer {
  const { code, reason, principal, retryAfterSeconds, allow } = denial;
  const problem = problemOf(code, call.decisionId);
  const further = challengesFor(code, accepts, undefined).flatMap((each) => ['WWW-Authenticate', each]);
  if (retryAfterSeconds !== undefined)
    further.push('Retry-After', String(Math.max(1, Math.ceil(retryAfterSeconds))));
  if (allow !== undefined) further.push('Allow', allow.join(', '));
  return {
    status: problem.status,
    fields: [...fields, ...further, 'Content-Type', problem.contentType],
    body: problem.body,
    record: {
      decision: 'denied',
      code,
      reason,
      ...(principal !== undefined && { principal }),
      ...(tenant !== undefined && { tenant }),
    },
  };
}

/** Of several, none: the empty text is on no list. */
function originOf(call: EndpointCall): string | undefined {
  return call.isRepeated('origin') ? '' : call.field('origin');
}
