import { hash } from 'node:crypto';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { IssuerSettings } from '../config/schema/config.ts';
import type { Principal } from '../principals/principal.ts';
import { hasAudience } from './claims.ts';
import type { Issuer, TenantsOfIssuer } from './issuer.ts';
import { expiryOf, faultOfTimes } from './jwt-rules.ts';
import type { JsonObject } from './strict-json.ts';
import { isBound, principalOfToken } from './token-principal.ts';
import { type Refused, refused, type Verification } from './verifier.ts';

/** Longest reuse of an active answer, whatever is configured: a token may be revoked at its issuer at any time. */
const MAX_REUSE = 30_000;
const INACTIVE_REUSE = 2_000;

/**
 * Reads an answer of introspection. `iss` and `aud` are optional in one (RFC 7662 §2.2): where they are there they must be right. Without
 * `aud`, it is for the issuer to answer inactive about tokens that are not for us.
 */
export function readIntrospection(
  answer: JsonObject,
  token: string,
  issuer: Issuer,
  tenantsOfIssuer: TenantsOfIssuer,
  now: EpochMilliseconds,
): Verification {
  const { name, settings } = issuer;
  if (answer['active'] !== true)
    return forgettable('credential_invalid', `issuer ${name}: token is not active`, now);
  const fault = faultOfAnswer(answer, settings, now);
  if (fault !== undefined) return forgettable('credential_invalid', fault, now);
  const principal = principalOfToken(answer, issuer, tenantsOfIssuer, {
    method: 'introspection',
    tokenDigest: () => hash('sha256', token),
    isSubjectRequired: false,
  });
  if (!principal.ok) return forgettable('credential_invalid', principal.error, now);
  if (expiryOf(answer, now) === 'expired')
    return forgettable('credential_expired', 'token has expired', now, principal.value);
  return {
    kind: 'accepted',
    principal: principal.value,
    reusableUntil: now + Math.min(settings.introspection?.cache ?? 0, MAX_REUSE),
    isStillBound: () => isBound(principal.value, name, tenantsOfIssuer),
  };
}

function faultOfAnswer(
  answer: JsonObject,
  settings: IssuerSettings,
  now: EpochMilliseconds,
): string | undefined {
  const { iss, aud, token_type: type } = answer;
  if (iss !== undefined && iss !== settings.issuer) return 'iss of the answer is a different issuer';
  if (aud !== undefined && !hasAudience(aud, settings.audience))
    return 'aud names none of the accepted audiences';
  if (type !== undefined && (typeof type !== 'string' || !BEARER_TYPES.has(type.toLowerCase()))) {
    return 'token_type of the answer is not Bearer';
  }
  if (expiryOf(answer, now) === 'malformed') return 'exp is malformed';
  return faultOfTimes(answer, settings.clockTolerance, now);
}

/** The registered name, and the one that some issuers put there instead. */
const BEARER_TYPES: ReadonlySet<string> = new Set(['bearer', 'access_token']);

/** A refusal that is remembered for a moment, so that repeating a dead token does not become load on its issuer. */
function forgettable(
  code: 'credential_invalid' | 'credential_expired',
  reason: string,
  now: EpochMilliseconds,
  principal?: Principal,
): Refused {
  return { ...refused(code, reason, principal), reusableUntil: now + INACTIVE_REUSE };
}
