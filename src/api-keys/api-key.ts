import type { EpochMilliseconds } from '../base/clock.ts';
import type { TenantId } from '../tenants/tenant.ts';

declare const apiKeyIdBrand: unique symbol;

/** The public part of a key: 8 Crockford base32 characters (issued keys), or what the importer chose. Safe to log. */
export type ApiKeyId = string & { readonly [apiKeyIdBrand]: true };

/** Ids of imported and configured keys may be any short name in this grammar. */
const API_KEY_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function parseApiKeyId(text: string): ApiKeyId | undefined {
  return API_KEY_ID.test(text) ? (text as ApiKeyId) : undefined;
}

/**
 * How a presented key is compared, never the key itself.
 * `sha256`: SHA-256 of the whole key, for keys of enough entropy.
 * `hmac-sha256`: HMAC-SHA-256 of the whole key under the configured pepper, for imported legacy keys.
 */
export interface ApiKeyDigest {
  readonly algorithm: 'sha256' | 'hmac-sha256';
  /** 64 lower-case hex digits. */
  readonly hex: string;
}

export interface ApiKey {
  readonly id: ApiKeyId;
  readonly tenant: TenantId;
  readonly name: string;
  /** Whom to call about it. */
  readonly owner?: string;
  readonly digest: ApiKeyDigest;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly origin: 'issued' | 'imported' | 'configured';
  readonly createdAt: EpochMilliseconds;
  /** Exclusive: from this moment on the key is dead. */
  readonly expiresAt?: EpochMilliseconds;
  readonly revokedAt?: EpochMilliseconds;
  /** The key that replaced this one when it was rotated. */
  readonly replacedBy?: ApiKeyId;
  /** Written back in batches; may lag by the flush interval. */
  readonly lastUsedAt?: EpochMilliseconds;
}
