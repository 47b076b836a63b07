import type { OutageCode } from '../base/outage.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import type { Principal } from '../principals/principal.ts';

/** Codes that are outages or transport failures: they are thrown or answered elsewhere, never returned by the pipeline. */
type FailureCode =
  | OutageCode
  | 'internal_error'
  | 'upstream_unavailable'
  | 'upstream_timeout'
  | 'upstream_busy';

/** A refusal: a stable code for the client, a precise reason for the people inside. */
export interface Denial {
  readonly code: Exclude<DenyCode, FailureCode>;
  /** For log and audit only; names no secret. */
  readonly reason: string;
  /** Scopes to name in a `WWW-Authenticate` of `insufficient_scope`. */
  readonly scopes?: readonly string[];
  /** Methods for `Allow`. */
  readonly allow?: readonly string[];
  /** For `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** What the rate limits say, which apply to it: name, value … */
  readonly rateLimit?: readonly string[];
  /** What was presented is drawn by us, and too long to be guessed: it is old rather than tried, and costs its peer nothing. */
  readonly isNoGuess?: true;
  /** Public id of the key whose secret was wrong, whether there is such a key or not. */
  readonly guessed?: string;
  /** Whose credential it was, once its possession was proven; for log and audit only. */
  readonly principal?: Principal;
}

export function denial(
  code: Denial['code'],
  reason: string,
  details: Pick<
    Denial,
    'scopes' | 'allow' | 'retryAfterSeconds' | 'rateLimit' | 'isNoGuess' | 'guessed' | 'principal'
  > = {},
): Denial {
  return { code, reason, ...details };
}
