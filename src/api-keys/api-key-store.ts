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

/**
 * All methods throw `StoreUnavailable` when they cannot know or could not make the change durable. `create`, `rotate`
 * and `revoke` announce `apiKeyChanged`. A key's tenant need not be in the tenant store, since the configuration has some too.
 */
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
   * (never later than it would have). Both changes are announced. `absent`: there is no such key, or it is revoked
   * or replaced already, so that of two rotations of one key only one leaves a successor. `clash`: the successor's
   * id or digest is there already; nothing is changed.
   */
  rotate(
    id: ApiKeyId,
    successor: ApiKey,
    oldExpiresAt: EpochMilliseconds,
  ): Promise<'rotated' | 'absent' | 'clash'>;
  /** Revoked keys stay listed. The first revocation's time stays. */
  revoke(id: ApiKeyId, now: EpochMilliseconds): Promise<'revoked' | 'already' | 'absent'>;
  /** A batch of last uses, all or none, not announced; an older time never replaces a newer one; unknown ids are ignored. */
  recordUses(uses: ReadonlyMap<ApiKeyId, EpochMilliseconds>): Promise<void>;
}
