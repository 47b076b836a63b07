import type { Logger } from 'pino';
import type { EffectiveTenant } from '../assertion/identity.ts';
import type { Tenant, TenantId } from './tenant.ts';

/** A tenant with the secrets that only the configuration has. */
export interface KnownTenant extends Tenant, EffectiveTenant {
  readonly id: TenantId;
  readonly name: string;
  readonly origin: 'configured' | 'stored';
}

/** All tenants of one moment, as requests ask for them. */
export interface TenantSnapshot {
  readonly byId: ReadonlyMap<TenantId, KnownTenant>;
  readonly byHost: ReadonlyMap<string, TenantId>;
  readonly byIssuer: ReadonlyMap<string, ReadonlySet<TenantId>>;
  /**
   * Puts this in the place of the tenant of this id, or takes that away. False, and nothing is changed, if what was left out before or
   * is left out by this decides who gets an id or a host: then all have to be read again.
   */
  replace(id: TenantId, tenant: KnownTenant | undefined): boolean;
}

/** Configured tenants win over stored ones of the same id or host: the clash is logged, and the stored one left out. */
export function createTenantSnapshot(tenants: Iterable<KnownTenant>, log: Logger): TenantSnapshot {
  const byId = new Map<TenantId, KnownTenant>();
  const byHost = new Map<string, TenantId>();
  const byIssuer = new Map<string, Set<TenantId>>();
  let isAnyLeftOut = false;

  function add(tenant: KnownTenant): void {
    byId.set(tenant.id, tenant);
    for (const host of tenant.hosts) byHost.set(host, tenant.id);
    for (const issuer of tenant.issuers) {
      const members = byIssuer.get(issuer) ?? new Set();
      byIssuer.set(issuer, members.add(tenant.id));
    }
  }

  function remove(tenant: KnownTenant): void {
    byId.delete(tenant.id);
    for (const host of tenant.hosts) byHost.delete(host);
    for (const issuer of tenant.issuers) byIssuer.get(issuer)?.delete(tenant.id);
  }

  for (const tenant of tenants) {
    if (byId.has(tenant.id) || tenant.hosts.some((host) => byHost.has(host))) {
      isAnyLeftOut = true;
      log.error(
        { tenant: tenant.id },
        'a stored tenant has the id or a host of another tenant and is left out',
      );
    } else add(tenant);
  }

  return {
    byId,
    byHost,
    byIssuer,
    replace(id, tenant) {
      const isFree = (host: string): boolean => (byHost.get(host) ?? id) === id;
      if (isAnyLeftOut || tenant?.hosts.every(isFree) === false) return false;
      const former = byId.get(id);
      if (former !== undefined) remove(former);
      if (tenant !== undefined) add(tenant);
      return true;
    },
  };
}
