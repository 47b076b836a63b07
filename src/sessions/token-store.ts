import type { EpochMilliseconds } from '../base/clock.ts';
import type { ClientId } from '../clients/client.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { SessionId } from './session.ts';

/** What is known of an opaque token of ours. */
export type StoredToken = StoredAccessToken | StoredTicket;

/** An access token of a client that acts for itself, or, with `session`, of a user. */
export interface StoredAccessToken {
  readonly kind: 'access';
  /** Public id (`jti`), under which it is revoked and logged. */
  readonly id: string;
  readonly client: ClientId;
  readonly session?: SessionId;
  readonly tenants: readonly [TenantId, ...TenantId[]];
  readonly scopes: readonly string[];
  readonly issuedAt: EpochMilliseconds;
  /** Exclusive. */
  readonly expiresAt: EpochMilliseconds;
}

/** A single-use stand-in for a credential, for what cannot send a field (WebSocket and EventSource of browsers). */
export interface StoredTicket {
  readonly kind: 'ticket';
  readonly id: string;
  readonly session: SessionId;
  /** Host that it was issued for, normalised. */
  readonly host: string;
  /** What it stands in for: a ticket may do no more, and what it opens lives no longer (exclusive). */
  readonly scopes: readonly string[];
  readonly until: EpochMilliseconds;
  readonly issuedAt: EpochMilliseconds;
  readonly expiresAt: EpochMilliseconds;
}

/**
 * Opaque tokens by the SHA-256 (hex) of their whole text. Not announced: a token is taken back through the revocation list. All
 * methods throw `StoreUnavailable`, and RangeError for what is no digest or no time.
 */
export interface TokenStore {
  /** Kept until its `expiresAt`, by the store's own timing at least that long. */
  put(digest: string, token: StoredToken): Promise<void>;
  /** An expired one may still be found: the caller compares times. */
  find(digest: string): Promise<StoredToken | undefined>;
  /** Finds and forgets in one step: of many who ask at once, one gets it. */
  take(digest: string): Promise<StoredToken | undefined>;
  /** True if there was one. */
  remove(digest: string): Promise<boolean>;
  /** Forgets what expired at or before `now`; returns how many. 0 where the store forgets by itself. */
  prune(now: EpochMilliseconds): Promise<number>;
}
