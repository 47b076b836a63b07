import type { EpochMilliseconds, EpochSeconds } from '../base/clock.ts';
import type { RevocationId } from '../revocation/revocation.ts';
import type { Jar } from '../sessions/jar.ts';
import type { Session, SessionId } from '../sessions/session.ts';
import type { TenantId } from '../tenants/tenant.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Who is behind a credential. Immutable; made by one verifier and cached with its credential. */
export interface Principal {
  /** What the subject is: an end user, an OAuth client acting for itself, or an API key. */
  readonly kind: 'user' | 'client' | 'key';
  /** Namespaced by kind and issuer, so that a client never collides with a user: `user:acme-login:4711`, `key:8K2M9QXT`. */
  readonly subject: string;
  /** The raw id of the user as the issuer knows it; absent where there is no user. */
  readonly userId?: string;
  /** The client that the credential came through, namespaced like `subject`: `client:acme-login:erp`, `key:…`. */
  readonly client?: string;
  /** The raw id of that client. */
  readonly clientId?: string;
  /** Tenants that the subject is a member of. Never empty. */
  readonly tenants: readonly [TenantId, ...TenantId[]];
  readonly scopes: ReadonlySet<string>;
  readonly roles: ReadonlySet<string>;
  /** Further members of the credential that an upstream may be told (claims, profile). */
  readonly profile: Readonly<Record<string, Json>>;
  readonly method: 'apiKey' | 'jwt' | 'introspection' | 'session' | 'token';
  /** The login of the gateway's own that it comes from; absent for keys, for tokens of others, and of clients that act for themselves. */
  readonly session?: PrincipalSession;
  readonly authenticatedAt?: EpochSeconds;
  /** When the credential was issued; absent counts as the beginning of time for "issued before". */
  readonly issuedAt?: EpochMilliseconds;
  /** Exclusive. */
  readonly expiresAt?: EpochMilliseconds;
  /** Id of the credential that is safe to log: `key:8K2M9QXT`, `token:acme-login:<jti>`. */
  readonly credentialId: string;
  /** Every id under which the credential can be revoked, but the tenant: that one is effective per request. */
  readonly revocationIds: readonly RevocationId[];
}

/** What the pipeline has to know of a session. */
export interface PrincipalSession {
  readonly id: SessionId;
  readonly kind: Session['kind'];
  /** The credential is a cookie, which browsers send unasked: unsafe requests must prove that they are meant. */
  readonly isCookie: boolean;
  /** The credential is a ticket in the query, which goes no further. */
  readonly isTicket: boolean;
  /** The cookie or ticket is good on this host only; `undefined`: it is neither. */
  readonly host: string | undefined;
  /** Other origins whose pages may use it. */
  readonly origins: ReadonlySet<string>;
  /** Exclusive: nothing extends it past this. */
  readonly absoluteEnd: EpochMilliseconds;
  /** Name of the login block. */
  readonly login: string;
  /** What is sent to the upstream of the login. */
  readonly jar: Jar;
}
