import type { EpochMilliseconds } from '../base/clock.ts';
import type { Tenant } from './tenant.ts';
import type { StoredTenant, TenantChange } from './tenant-store.ts';

/** A tenant as it is first stored. A host that it lists twice is kept once. */
export function firstRevision(tenant: Tenant, now: EpochMilliseconds): StoredTenant {
  return {
    id: tenant.id,
    name: tenant.name,
    status: tenant.status,
    hosts: [...new Set(tenant.hosts)],
    issuers: tenant.issuers,
    ...(tenant.requestLimit !== undefined && { requestLimit: tenant.requestLimit }),
    createdAt: now,
    updatedAt: now,
    revision: 1,
  };
}

/** What a change makes of a stored tenant; absent members stay. */
export function nextRevision(
  tenant: StoredTenant,
  change: TenantChange,
  now: EpochMilliseconds,
): StoredTenant {
  const { requestLimit: former, ...kept } = tenant;
  const requestLimit = change.requestLimit === undefined ? former : (change.requestLimit ?? undefined);
  return {
    ...kept,
    ...(requestLimit !== undefined && { requestLimit }),
    name: change.name ?? tenant.name,
    status: change.status ?? tenant.status,
    hosts: change.hosts === undefined ? tenant.hosts : [...new Set(change.hosts)],
    issuers: change.issuers ?? tenant.issuers,
    updatedAt: now,
    revision: tenant.revision + 1,
  };
}
