import type { EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { IssuerSettings } from '../config/schema/config.ts';
import type { Json, Principal } from '../principals/principal.ts';
import { type RevocationId, revocationIdOf } from '../revocation/revocation.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';
import { claimAt, isTextArray, readId, readTime, readWords } from './claims.ts';
import type { Issuer, TenantsOfIssuer } from './issuer.ts';
import type { JsonObject } from './strict-json.ts';

export interface TokenFacts {
  readonly method: 'jwt' | 'introspection';
  /** Names the token where it has no `jti`: SHA-256 in hex of `header.payload`, or of a whole opaque token. */
  readonly tokenDigest: () => string;
  /** A JWT must have a subject (RFC 9068 §2.2); an answer of introspection need not. */
  readonly isSubjectRequired: boolean;
}

/**
 * Who a token speaks for, from claims that were proven. A token is a client's own, and no user's, if its subject is its client
 * (RFC 9068 §2.2), or if it names a client and no subject. Clients and users have namespaces of their own, so an
 * issuer whose client may choose the id of a user cannot make one pass for the other (RFC 9068 §5). A token that is bound to a key (RFC 7800
 * §3.1) speaks for who proves that key, and nobody who presents it as a bearer does. The error is the reason for the audit log.
 */
export function principalOfToken(
  claims: JsonObject,
  issuer: Pick<Issuer, 'name' | 'settings'>,
  tenantsOfIssuer: TenantsOfIssuer,
  facts: TokenFacts,
): Result<Principal, string> {
  const { name, settings } = issuer;
  if (claims['cnf'] !== undefined) return err('token is bound to a key, which a bearer does not prove');
  const subjectId = readId(claimAt(claims, settings.claims.subject), settings.claims.subject);
  if (!subjectId.ok) return subjectId;
  const clientId = readId(claimAt(claims, settings.claims.client), settings.claims.client);
  if (!clientId.ok) return clientId;
  const id = subjectId.value ?? (facts.isSubjectRequired ? undefined : clientId.value);
  if (id === undefined) return err('token has no subject');
  const kind = id === clientId.value ? 'client' : 'user';
  const subject = `${kind}:${name}:${id}`;
  const client = clientId.value === undefined ? undefined : `client:${name}:${clientId.value}`;
  const tenants = readTenants(claims, issuer, tenantsOfIssuer);
  if (!tenants.ok) return tenants;
  const roles = readWords(claimAt(claims, settings.claims.roles), settings.claims.roles);
  if (!roles.ok) return roles;
  const scopes = readWords(claimAt(claims, settings.claims.scopes), settings.claims.scopes);
  if (!scopes.ok) return scopes;
  const times = readTimes(claims);
  if (!times.ok) return times;
  const token = tokenRevocationId(claims, name, facts);
  if (!token.ok) return token;
  return ok({
    kind,
    subject,
    ...(kind === 'user' && { userId: id }),
    ...(client !== undefined && { client }),
    ...(clientId.value !== undefined && { clientId: clientId.value }),
    tenants: tenants.value,
    scopes: scopes.value,
    roles: roles.value,
    profile: readProfile(claims, settings),
    method: facts.method,
    ...times.value,
    credentialId: token.value,
    revocationIds: [
      token.value,
      revocationIdOf({ kind: 'subject', subject }),
      ...(client === undefined ? [] : [revocationIdOf({ kind: 'client', client })]),
    ],
  });
}

/**
 * The fixed tenant, or those that the claim names. Every one must list this issuer: one foreign name and nothing of the token is believed.
 */
function readTenants(
  claims: JsonObject,
  issuer: Pick<Issuer, 'name' | 'settings'>,
  tenantsOfIssuer: TenantsOfIssuer,
): Result<readonly [TenantId, ...TenantId[]], string> {
  const { tenant } = issuer.settings;
  const value = 'fixed' in tenant ? tenant.fixed : claimAt(claims, tenant.claim);
  const source = 'fixed' in tenant ? 'the fixed tenant' : tenant.claim;
  const named = typeof value === 'string' ? [value] : value;
  if (!isTextArray(named)) return err(`${source} names no tenant`);
  const bound = tenantsOfIssuer(issuer.name);
  const tenants: TenantId[] = [];
  for (const text of named) {
    const id = parseTenantId(text);
    if (id === undefined) return err(`${source} is not a tenant id`);
    if (!bound.has(id)) return err(`${source} names a tenant that does not list issuer ${issuer.name}`);
    if (!tenants.includes(id)) tenants.push(id);
  }
  const [first, ...others] = tenants;
  return first === undefined ? err(`${source} names no tenant`) : ok([first, ...others]);
}

/** A token speaks for its tenants only as long as they list its issuer. */
export function isBound(principal: Principal, issuerName: string, tenantsOfIssuer: TenantsOfIssuer): boolean {
  const bound = tenantsOfIssuer(issuerName);
  return principal.tenants.every((tenant) => bound.has(tenant));
}

function readTimes(
  claims: JsonObject,
): Result<Pick<Principal, 'authenticatedAt' | 'issuedAt' | 'expiresAt'>, string> {
  const authenticatedAt = readTime(claims['auth_time'], 'auth_time');
  if (!authenticatedAt.ok) return authenticatedAt;
  const issuedAt = readTime(claims['iat'], 'iat');
  if (!issuedAt.ok) return issuedAt;
  const expiresAt = readTime(claims['exp'], 'exp');
  if (!expiresAt.ok) return expiresAt;
  return ok({
    ...(authenticatedAt.value !== undefined && { authenticatedAt: authenticatedAt.value }),
    ...(issuedAt.value !== undefined && { issuedAt: milliseconds(issuedAt.value) }),
    ...(expiresAt.value !== undefined && { expiresAt: milliseconds(expiresAt.value) }),
  });
}

function milliseconds(seconds: number): EpochMilliseconds {
  return Math.floor(seconds * 1000);
}

function tokenRevocationId(
  claims: JsonObject,
  issuer: string,
  facts: TokenFacts,
): Result<RevocationId, string> {
  const jti = readId(claims['jti'], 'jti');
  if (!jti.ok) return jti;
  return ok(
    jti.value === undefined
      ? revocationIdOf({ kind: 'tokenDigest', digest: facts.tokenDigest() })
      : revocationIdOf({ kind: 'token', issuer, jti: jti.value }),
  );
}

function readProfile(claims: JsonObject, settings: IssuerSettings): Readonly<Record<string, Json>> {
  const profile: Record<string, Json> = {};
  for (const [name, path] of Object.entries(settings.claims.profile)) {
    const value = claimAt(claims, path);
    if (value !== undefined) profile[name] = value;
  }
  return profile;
}
