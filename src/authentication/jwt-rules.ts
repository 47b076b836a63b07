import type { EpochMilliseconds } from '../base/clock.ts';
import { isExpired } from '../base/clock.ts';
import type { IssuerSettings } from '../config/schema/config.ts';
import { claimAt, hasAudience, readTime } from './claims.ts';
import type { JsonObject } from './strict-json.ts';

/**
 * True if the `typ` of a header is one of `types`: without case, and with or without `application/` (RFC 7515 §4.1.9). A token without
 * `typ` counts as `JWT`, which an issuer may only use together with a distinguishing claim.
 */
export function hasAcceptedType(type: string | undefined, types: readonly string[]): boolean {
  const presented = mediaTypeOf(type ?? 'JWT');
  return types.some((accepted) => mediaTypeOf(accepted) === presented);
}

function mediaTypeOf(type: string): string {
  const lower = type.toLowerCase();
  return lower.includes('/') ? lower : `application/${lower}`;
}

/** What an issuer's rules say against claims that were proven, but their expiry; `undefined` if nothing. */
export function faultOfClaims(
  claims: JsonObject,
  settings: IssuerSettings,
  now: EpochMilliseconds,
): string | undefined {
  if (!hasAudience(claims['aud'], settings.audience)) return 'aud names none of the accepted audiences';
  for (const [path, wanted] of Object.entries(settings.distinguishing ?? {})) {
    if (claimAt(claims, path) !== wanted) return `distinguishing claim ${path} is missing or different`;
  }
  return faultOfTimes(claims, settings.clockTolerance, now);
}

/**
 * Times in the future, up to the tolerance (milliseconds), which is for fresh tokens of a clock ahead of ours. `exp` has none:
 * what we make from a token must not outlive it.
 */
export function faultOfTimes(
  claims: JsonObject,
  toleranceMilliseconds: number,
  now: EpochMilliseconds,
): string | undefined {
  const latest = (now + toleranceMilliseconds) / 1000;
  for (const claim of ['nbf', 'iat']) {
    const time = readTime(claims[claim], claim);
    if (!time.ok) return time.error;
    if (time.value !== undefined && time.value > latest) return `${claim} is in the future`;
  }
  return undefined;
}

export type Expiry = 'live' | 'expired' | 'absent' | 'malformed';

export function expiryOf(claims: JsonObject, now: EpochMilliseconds): Expiry {
  const exp = readTime(claims['exp'], 'exp');
  if (!exp.ok) return 'malformed';
  if (exp.value === undefined) return 'absent';
  return isExpired(exp.value, now / 1000) ? 'expired' : 'live';
}
