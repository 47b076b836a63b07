import type { EpochMilliseconds } from '../base/clock.ts';
import type { Json } from '../principals/principal.ts';
import type { TenantId } from '../tenants/tenant.ts';

declare const sessionIdBrand: unique symbol;

/** 80 bits in 16 characters of Crockford base32. Public: it is in every credential of the session, in logs and in lists. */
export type SessionId = string & { readonly [sessionIdBrand]: true };

const SESSION_ID = /^[0-9A-HJKMNP-TV-Z]{16}$/;

export function parseSessionId(text: string): SessionId | undefined {
  return SESSION_ID.test(text) ? (text as SessionId) : undefined;
}

/**
 * One login of one user, and everything that was given out for it: ending it takes all of that back.
 *
 * | kind | front | credentials |
 * |---|---|---|
 * | browser | `POST /session` | session cookie, remember-me cookie |
 * | legacy | intercepted login route of the upstream | session cookie |
 * | token | password grant | access tokens, refresh token |
 */
export interface Session {
  readonly id: SessionId;
  readonly kind: 'browser' | 'legacy' | 'token';
  /** Name of the login block whose upstream checked the password. */
  readonly login: string;
  /** Namespaced: `user:<login>:<tenant>:<user id>`, without the tenant where memberships are shared. */
  readonly subject: string;
  readonly user: { readonly id: string; readonly name?: string };
  /** The current tenant: in whose database the password was checked, or that was switched to. */
  readonly tenant: TenantId;
  /** Proven memberships, the current one among them. */
  readonly tenants: readonly [TenantId, ...TenantId[]];
  readonly roles: readonly string[];
  readonly scopes: readonly string[];
  readonly profile: Readonly<Record<string, Json>>;
  /** Namespaced: `client:web-app`, or `key:8K2M9QXT` of a legacy client. Absent: a legacy client without a key. */
  readonly client?: string;
  readonly clientId?: string;
  /** Host that it was issued for, normalised. */
  readonly host: string;
  /** Address of the peer and User-Agent at login, the latter cut to 200 characters. */
  readonly peer: string;
  readonly agent: string;
  /** When the password was checked: `auth_time`, and what "issued before" is compared with, through every renewal. */
  readonly authenticatedAt: EpochMilliseconds;
  /** Exclusive. Of the session cookie; of a token session the same as `absoluteEnd`. */
  readonly expiresAt: EpochMilliseconds;
  /** Exclusive: no renewal goes past it. */
  readonly absoluteEnd: EpochMilliseconds;
  /** SHA-256 of the session cookie's whole value, hex; absent for token sessions. */
  readonly cookieDigest?: string;
  /** Of the refresh token, or of the remember-me cookie; absent: there is none. */
  readonly rotation?: Rotation;
  readonly revision: number;
}

/**
 * A credential that is replaced each time it is used. Its text holds a constant part, by which any of its generations is
 * recognised, and a part of its own: what has the former and not the latter is an old one, and so was stolen or replayed.
 */
export interface Rotation {
  /** SHA-256 of the constant part, hex. */
  readonly familyDigest: string;
  /** SHA-256 of the whole present credential, hex. */
  readonly currentDigest: string;
  /** What the present one replaced, while a lost answer may still be asked for. */
  readonly previous?: {
    readonly digest: string;
    readonly rotatedAt: EpochMilliseconds;
    /** The answer that went with the rotation, sealed under a key that only the replaced credential yields. */
    readonly sealedAnswer: string;
  };
  /** Exclusive, both. */
  readonly idleEnd: EpochMilliseconds;
  readonly absoluteEnd: EpochMilliseconds;
}

/** When the record may be forgotten: nothing that was given out for it lives longer. Exclusive. */
export function endOfSession(session: Pick<Session, 'absoluteEnd' | 'rotation'>): EpochMilliseconds {
  return Math.max(session.absoluteEnd, session.rotation?.absoluteEnd ?? 0);
}
