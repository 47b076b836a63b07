import { Outage } from '../base/outage.ts';
import type { EndpointAnswer, EndpointRecord } from '../endpoints/endpoint.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import type { Json } from '../principals/principal.ts';
import type { TenantId } from '../tenants/tenant.ts';

/**
 * Errors of RFC 6749 §5.2, and `temporarily_unavailable` (§4.1.2.1, registered in §11.4.2) for what a client may simply try again: the
 * status says whether it asked too often (429, RFC 6585 §4) or something is down (503).
 */
export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_token_type'
  | 'invalid_scope'
  | 'temporarily_unavailable';

/** Why a request to the token service is refused. */
export interface OAuthRefusal {
  readonly error: OAuthError;
  /** For the developer of the client (`error_description`): ASCII without `"` and `\`, no secret. */
  readonly description: string;
  readonly code: DenyCode;
  /** For people inside; default: the description. Names no secret. */
  readonly reason?: string;
  /** With `temporarily_unavailable`. */
  readonly retryAfterSeconds?: number;
  readonly principal?: EndpointRecord['principal'];
  readonly tenant?: TenantId;
}

/** Neither tokens nor errors are for a cache (RFC 6749 §5.1), `Pragma` for those of HTTP/1.0. */
const NO_STORE = ['Cache-Control', 'no-store', 'Pragma', 'no-cache'] as const;
const JSON_FIELDS = [
  'Content-Type',
  'application/json',
  'X-Content-Type-Options',
  'nosniff',
  ...NO_STORE,
] as const;

/** Every 401 names a scheme (RFC 9110 §15.5.2); here it is the one that clients may use (RFC 6749 §2.3.1). */
const CHALLENGE = ['WWW-Authenticate', 'Basic realm="gatehouse", charset="UTF-8"'] as const;

const OUTAGE_RETRY_SECONDS = 5;

/** A refusal as a value. */
export function refuse(refusal: OAuthRefusal): { readonly ok: false; readonly error: OAuthRefusal } {
  return { ok: false, error: refusal };
}

export function invalidRequest(description: string): { readonly ok: false; readonly error: OAuthRefusal } {
  return refuse({ error: 'invalid_request', description, code: 'request_malformed' });
}

export function answerJson(
  body: { readonly [name: string]: Json } | string,
  record: EndpointRecord,
): EndpointAnswer {
  return {
    status: 200,
    fields: JSON_FIELDS,
    body: typeof body === 'string' ? body : JSON.stringify(body),
    record,
  };
}

export function answerRefusal(refusal: OAuthRefusal): EndpointAnswer {
  const { error, description, code, retryAfterSeconds } = refusal;
  const isDown = code !== 'too_many_failures';
  return {
    status: statusOf(error, isDown),
    fields: [
      ...JSON_FIELDS,
      ...(error === 'invalid_client' ? CHALLENGE : []),
      ...(retryAfterSeconds === undefined ? [] : ['Retry-After', String(retryAfterSeconds)]),
    ],
    body: JSON.stringify({ error, error_description: description }),
    record: {
      decision: error === 'temporarily_unavailable' && isDown ? 'failed' : 'denied',
      code,
      reason: refusal.reason ?? description,
      ...(refusal.principal !== undefined && { principal: refusal.principal }),
      ...(refusal.tenant !== undefined && { tenant: refusal.tenant }),
    },
  };
}

/** No default arm: a new error does not compile until it has a status. */
function statusOf(error: OAuthError, isDown: boolean): 400 | 401 | 429 | 503 {
  switch (error) {
    case 'invalid_client':
      return 401;
    case 'temporarily_unavailable':
      return isDown ? 503 : 429;
    case 'invalid_request':
    case 'invalid_grant':
    case 'unauthorized_client':
    case 'unsupported_grant_type':
    case 'unsupported_token_type':
    case 'invalid_scope':
      return 400;
  }
}

/** Outages in the words of OAuth; whatever else is thrown stays thrown. */
export async function orUnavailable(answer: Promise<EndpointAnswer>): Promise<EndpointAnswer> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof Outage)) throw error;
    return answerRefusal({
      error: 'temporarily_unavailable',
      description: 'try again later',
      code: error.code,
      reason: error.message,
      retryAfterSeconds: OUTAGE_RETRY_SECONDS,
    });
  }
}
