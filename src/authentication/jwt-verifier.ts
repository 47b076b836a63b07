import { hash } from 'node:crypto';
import type { EpochMilliseconds } from '../base/clock.ts';
import { VERIFICATION_ALGORITHMS } from '../keys/algorithm.ts';
import type { Issuer, TenantsOfIssuer } from './issuer.ts';
import { type CompactJws, parseCompactJws } from './jwt-form.ts';
import { expiryOf, faultOfClaims, hasAcceptedType } from './jwt-rules.ts';
import { hasValidSignature } from './jwt-signature.ts';
import { type JsonObject, parseStrictJson } from './strict-json.ts';
import { isBound, principalOfToken } from './token-principal.ts';
import { refused, type Verification } from './verifier.ts';

/** Verifies a JWT of any of the issuers (RFC 7519 §7.2, RFC 8725, RFC 9068 §4). Throws `Outage` when keys cannot be had. */
export type JwtVerifier = (token: string, now: EpochMilliseconds) => Promise<Verification>;

export function createJwtVerifier(issuers: readonly Issuer[], tenantsOfIssuer: TenantsOfIssuer): JwtVerifier {
  const byIss = new Map(issuers.map((issuer) => [issuer.settings.issuer, issuer]));

  return async (token, now) => {
    const jws = parseCompactJws(token);
    if (!jws.ok) return refused('credential_invalid', jws.error);
    const claims = parseStrictJson(jws.value.payload);
    if (!claims.ok) return refused('credential_invalid', `token payload ${claims.error}`);
    // Not proven yet: it only chooses whose keys and rules the token has to satisfy.
    const { iss } = claims.value;
    const issuer = typeof iss === 'string' ? byIss.get(iss) : undefined;
    if (issuer === undefined) return refused('credential_invalid', 'iss of the token is not a known issuer');
    return verifyAsOf(issuer, jws.value, claims.value, now, tenantsOfIssuer);
  };
}

async function verifyAsOf(
  issuer: Issuer,
  jws: CompactJws,
  claims: JsonObject,
  now: EpochMilliseconds,
  tenantsOfIssuer: TenantsOfIssuer,
): Promise<Verification> {
  const { name, settings, keys } = issuer;
  const algorithm = VERIFICATION_ALGORITHMS.find((known) => known === jws.algorithm);
  if (algorithm === undefined || !settings.algorithms.includes(algorithm)) {
    return refused('credential_invalid', `alg of the token is not one of issuer ${name}`);
  }
  if (!hasAcceptedType(jws.type, settings.types)) {
    return refused('credential_invalid', `typ of the token is not one of issuer ${name}`);
  }
  if (keys === undefined) return refused('credential_invalid', `issuer ${name} has no keys configured`);
  const found = await keys.find(jws.kid, algorithm);
  if (found === undefined) return refused('credential_invalid', `issuer ${name} has no such key`);
  if (!hasValidSignature(found.key, algorithm, jws.signingInput, jws.signature)) {
    return refused('credential_invalid', `signature is not of issuer ${name}`);
  }
  const fault = faultOfClaims(claims, settings, now);
  if (fault !== undefined) return refused('credential_invalid', fault);
  const expiry = expiryOf(claims, now);
  if (expiry === 'absent' || expiry === 'malformed') {
    return refused('credential_invalid', `exp is ${expiry}`);
  }
  const principal = principalOfToken(claims, issuer, tenantsOfIssuer, {
    method: 'jwt',
    tokenDigest: () => hash('sha256', jws.signingInput),
    isSubjectRequired: true,
  });
  if (!principal.ok) return refused('credential_invalid', principal.error);
  if (expiry === 'expired') return refused('credential_expired', 'token has expired', principal.value);
  return {
    kind: 'accepted',
    principal: principal.value,
    reusableUntil: found.usableUntil,
    dependsOn: [found.id],
    isStillBound: () => isBound(principal.value, name, tenantsOfIssuer),
  };
}
