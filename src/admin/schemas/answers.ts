import { z } from 'zod';
import type { AdminProblemStatus } from '../problem.ts';

/** RFC 9457. */
const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string().describe('One sentence. Names no secret.'),
    decisionId: z.string().describe('Ties the answer, the log and the audit stream together.'),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .exactOptional()
      .describe('What is wrong with members of the request, without their values.'),
    existing: z.string().exactOptional().describe('Id of what was created before (409).'),
  })
  .meta({ id: 'Problem' });

const MEANINGS: Readonly<Record<AdminProblemStatus, string>> = {
  400: 'The request is malformed.',
  401: 'No valid admin token.',
  403: 'The role of the token does not suffice.',
  404: 'There is no such thing.',
  409: 'It is in a state, or a place, that forbids this.',
  412: 'It has changed: its ETag is not the one of If-Match.',
  413: 'The body is too large.',
  415: 'The body has another media type.',
  422: 'The request asks for what cannot be.',
  429: 'Too many requests without a valid admin token.',
  500: 'A fault of the gateway.',
  503: 'The store is not available; nothing was acknowledged.',
};

/** What every operation may answer. */
const COMMON = [401, 403, 429, 500, 503] as const satisfies readonly AdminProblemStatus[];

/** What operations with a JSON body may answer besides. */
export const OF_BODY = [400, 413, 415, 422] as const satisfies readonly AdminProblemStatus[];

/**
 * `success` and the problems of the operation, for `schema.response`. The type tells of `success` alone, so that handlers
 * are checked against it: problems are thrown.
 */
export function answers<S extends Readonly<Record<number, unknown>>>(
  success: S,
  ...further: readonly AdminProblemStatus[]
): S {
  const problems = [...COMMON, ...further].map((status) => [
    status,
    { description: MEANINGS[status], content: { 'application/problem+json': { schema: problem } } },
  ]);
  return { ...Object.fromEntries(problems), ...success };
}

/** 204. */
export const nothing = z.undefined().describe('Done.');
