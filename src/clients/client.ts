import type { EpochMilliseconds } from '../base/clock.ts';
import type { TenantId } from '../tenants/tenant.ts';

declare const clientIdBrand: unique symbol;

/** The id of an OAuth client (RFC 6749 §2.2), proven against the grammar. Safe to log. */
export type ClientId = string & { readonly [clientIdBrand]: true };

const CLIENT_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function parseClientId(text: string): ClientId | undefined {
  return CLIENT_ID.test(text) ? (text as ClientId) : undefined;
}

/** Grants of the token endpoint that a client may use (RFC 6749 §4.3, §4.4, §6). */
export const GRANT_TYPES = ['client_credentials', 'password', 'refresh_token'] as const;
export type GrantType = (typeof GRANT_TYPES)[number];

/** SHA-256 of a whole client secret, lower-case hex. Secrets are drawn by us or long, never chosen by people. */
export interface ClientSecretDigest {
  readonly hex: string;
  /** Exclusive; absent: until it is taken away. */
  readonly expiresAt?: EpochMilliseconds;
}

/** An OAuth client (RFC 6749 §2): of the configuration, or of the store. Immutable. */
export interface Client {
  readonly id: ClientId;
  /** For people. */
  readonly name: string;
  readonly origin: 'configured' | 'stored';
  /** Public clients cannot keep a secret and have none (RFC 6749 §2.1). */
  readonly isPublic: boolean;
  /** None for public clients; several while a secret is rotated. */
  readonly secrets: readonly ClientSecretDigest[];
  readonly grants: readonly GrantType[];
  /** What its tokens and sessions may be given at most. */
  readonly scopes: readonly string[];
  /** Tenants that it may act for, or log users in to. */
  readonly tenants: readonly TenantId[] | 'any';
  /** Name of the login block that its users log in by; absent: it has no users. */
  readonly login?: string;
  /** `POST /session` is open to it. */
  readonly browserSession: boolean;
  /** Web origins whose pages are this client, exactly as browsers send them. */
  readonly origins: readonly string[];
  readonly accessTokenFormat: 'opaque' | 'jwt';
  readonly createdAt: EpochMilliseconds;
  /** Of the stored record; 0 for a configured one. */
  readonly revision: number;
}

/** Namespaced, as `Principal.client` and as the subject of a client that acts for itself. */
export function subjectOfClient(id: ClientId): string {
  return `client:${id}`;
}
