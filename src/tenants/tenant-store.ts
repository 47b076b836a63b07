import type { EpochMilliseconds } from '../base/clock.ts';
import type { Rate } from '../base/rate.ts';
import type { Tenant, TenantId } from './tenant.ts';

export interface StoredTenant extends Tenant {
  readonly createdAt: EpochMilliseconds;
  readonly updatedAt: EpochMilliseconds;
  /** Grows by one with each change; the base of optimistic concurrency. */
  readonly revision: number;
}

/** What the change of a tenant may name. An absent member stays as it is. */
export interface TenantChange {
  readonly name?: string;
  readonly status?: Tenant['status'];
  readonly hosts?: readonly string[];
  readonly issuers?: readonly string[];
  /** `null` takes it away. */
  readonly requestLimit?: Rate | null;
}

/**
 * All methods throw `StoreUnavailable` when they cannot know or could not make the change durable.
 * Each change announces `tenantChanged`. A host that a tenant lists twice is kept once.
 */
export interface TenantStore {
  /** Revision 1. `clash`: the id, or one of the hosts, belongs to a tenant that is there already. */
  create(
    tenant: Tenant,
    now: EpochMilliseconds,
  ): Promise<{ kind: 'created'; tenant: StoredTenant } | { kind: 'clash'; with: TenantId }>;
  /** `undefined` = no such tenant. */
  find(id: TenantId): Promise<StoredTenant | undefined>;
  /** Sorted by id. */
  list(): Promise<readonly StoredTenant[]>;
  /** Changes only if `revision` is still the stored one, when it is given. `stale` names the stored one. */
  update(
    id: TenantId,
    change: TenantChange,
    now: EpochMilliseconds,
    revision?: number,
  ): Promise<
    | { kind: 'updated'; tenant: StoredTenant }
    | { kind: 'absent' }
    | { kind: 'clash'; with: TenantId }
    | { kind: 'stale'; revision: number }
  >;
  /**
   * True if there was one, with this revision when it is given. Its API keys go with it, in the same atomic step; each is
   * announced as `apiKeyChanged`.
   */
  delete(id: TenantId, revision?: number): Promise<boolean>;
  /**
   * Suspends or resumes a tenant that the configuration describes, and which the store therefore cannot change: kept
   * apart from the stored tenants, and only ever narrower than the configuration. True if it was not so already.
   */
  setSuspension(id: TenantId, isSuspended: boolean, now: EpochMilliseconds): Promise<boolean>;
  /** Ids of `setSuspension`, sorted. */
  listSuspensions(): Promise<readonly TenantId[]>;
}
