import type { EpochMilliseconds } from '../base/clock.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { ApiKey, ApiKeyDigest, ApiKeyId } from './api-key.ts';

export interface ApiKeyFilter {
  readonly tenant?: TenantId;
  /** Ids greater than this one, for paging. */
  readonly after?: ApiKeyId;
  /** At most this many. */
  readonly limit: number;
}

/** All methods throw `StoreUnavailable` when they cannot know or could not make the change durable. */
export interface ApiKeyStore {
  /** `clash`: a key with this id or this digest is there already. */
  create(key: ApiKey): Promise<'created' | 'clash'>;
  /** `undefined` = no such key. Revoked and expired keys are found. */
  findById(id: ApiKeyId): Promise<ApiKey | undefined>;
  findByDigest(digest: ApiKeyDigest): Promise<ApiKey | undefined>;
  /** Sorted by id. */
  list(filter: ApiKeyFilter): Promise<readonly ApiKey[]>;
  /**
   * In one atomic step: `successor` is created, the old key names it and expires at `oldExpiresAt`
   * (never later than it would have). `absent` includes a key that is revoked already.
   */
  rotate(
    id: ApiKeyId,
    successor: ApiKey,
    oldExpiresAt: EpochMilliseconds,
  ): Promise<'rotated' | 'absent' | 'clash'>;
  /** Revoked keys stay listed. The first revocation's time stays. Also announces the change. */
  revoke(id: ApiKeyId, now: EpochMilliseconds): Promise<'revoked' | 'already' | 'absent'>;
  /** A batch of last uses; an older time never replaces a newer one; unknown ids are ignored. */
  recordUses(uses: ReadonlyMap<ApiKeyId, EpochMilliseconds>): Promise<void>;
}
