import type { ApiKeyId } from '../api-keys/api-key.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { escapeKeyPart } from '../base/key-part.ts';
import type { SessionId } from '../sessions/session.ts';
import type { TenantId } from '../tenants/tenant.ts';

/**
 * What a revocation takes back.
 * `token`: one token by the id of `revocationIdOfToken`; `subject` and `client` by their namespaced name.
 * `clientSessions` and `tenantSessions`: users' logins and what was given out for them alone, and no keys.
 */
export type RevocationTarget =
  | { readonly kind: 'key'; readonly id: ApiKeyId }
  | { readonly kind: 'token'; readonly issuer: string; readonly jti: string }
  | { readonly kind: 'tokenDigest'; readonly digest: string }
  | { readonly kind: 'subject'; readonly subject: string }
  | { readonly kind: 'session'; readonly id: SessionId }
  | { readonly kind: 'client'; readonly client: string }
  | { readonly kind: 'clientSessions'; readonly client: string }
  | { readonly kind: 'tenant'; readonly tenant: TenantId }
  | { readonly kind: 'tenantSessions'; readonly tenant: TenantId };

declare const revocationIdBrand: unique symbol;

/** The canonical text of a target: injective, since its parts are escaped. The key of every revocation list. */
export type RevocationId = string & { readonly [revocationIdBrand]: true };

export interface Revocation {
  readonly target: RevocationTarget;
  /**
   * Inclusive: what was issued at or before this moment is revoked; what is issued later is not.
   * Absent: all of it, for as long as the entry lives.
   */
  readonly issuedBefore?: EpochMilliseconds;
  /** When the entry may be forgotten, since all that it revokes has expired by then. Absent: never. */
  readonly expiresAt?: EpochMilliseconds;
  readonly revokedAt: EpochMilliseconds;
  readonly revokedBy: string;
  readonly reason?: string;
}

export function isLive({ expiresAt }: Pick<Revocation, 'expiresAt'>, now: EpochMilliseconds): boolean {
  return expiresAt === undefined || now < expiresAt;
}

export function revocationIdOf(target: RevocationTarget): RevocationId {
  return writeTarget(target) as RevocationId;
}

function writeTarget(target: RevocationTarget): string {
  switch (target.kind) {
    case 'key':
      return `key:${escapeKeyPart(target.id)}`;
    case 'token':
      return `token:${escapeKeyPart(target.issuer)}:${escapeKeyPart(target.jti)}`;
    case 'tokenDigest':
      return `token-digest:${escapeKeyPart(target.digest)}`;
    case 'subject':
      return `subject:${escapeKeyPart(target.subject)}`;
    case 'session':
      return `session:${escapeKeyPart(target.id)}`;
    case 'client':
      return `client:${escapeKeyPart(target.client)}`;
    case 'clientSessions':
      return `client-sessions:${escapeKeyPart(target.client)}`;
    case 'tenant':
      return `tenant:${escapeKeyPart(target.tenant)}`;
    case 'tenantSessions':
      return `tenant-sessions:${escapeKeyPart(target.tenant)}`;
  }
}
