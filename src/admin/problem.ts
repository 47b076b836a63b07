import { STATUS_CODES } from 'node:http';
import type { Refusal } from '../base/refusal.ts';

/** A refusal or failure on its way to the wire (RFC 9457). `detail` is one sentence; it names no secret. */
export class AdminProblem extends Error {
  readonly status: AdminProblemStatus;
  readonly errors: readonly FieldError[];
  /** For `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;
  /** Id of what is there already, where that is why. */
  readonly existing: string | undefined;

  constructor(
    status: AdminProblemStatus,
    detail: string,
    more: {
      readonly errors?: readonly FieldError[];
      readonly retryAfterSeconds?: number;
      readonly existing?: string;
    } = {},
  ) {
    super(detail);
    this.name = 'AdminProblem';
    this.status = status;
    this.errors = more.errors ?? [];
    this.retryAfterSeconds = more.retryAfterSeconds;
    this.existing = more.existing;
  }
}

export type AdminProblemStatus = 400 | 401 | 403 | 404 | 409 | 412 | 413 | 415 | 422 | 429 | 500 | 503;

/** What is wrong with one member of a request. Never the value, which may be a secret. */
export interface FieldError {
  /** E.g. `body.scopes[0]`. */
  readonly path: string;
  readonly message: string;
}

const STATUS_OF = { absent: 404, conflict: 409, stale: 412, invalid: 422 } as const satisfies Record<
  Refusal['kind'],
  number
>;

export function problemOf({ kind, message, existing }: Refusal): AdminProblem {
  return new AdminProblem(STATUS_OF[kind], message, existing === undefined ? {} : { existing });
}

/** The body, `application/problem+json`. */
export function problemBody(problem: AdminProblem, decisionId: string): Record<string, unknown> {
  return {
    type: 'about:blank',
    title: STATUS_CODES[problem.status],
    status: problem.status,
    detail: problem.message,
    decisionId,
    ...(problem.errors.length > 0 && { errors: problem.errors }),
    ...(problem.existing !== undefined && { existing: problem.existing }),
  };
}
