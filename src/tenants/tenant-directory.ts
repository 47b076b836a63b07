import type { Logger } from 'pino';
import type { EffectiveTenant } from '../assertion/identity.ts';
import type { Settings } from '../config/schema/config.ts';
import { normaliseHost } from '../http/host.ts';
import type { AttemptRate } from '../limits/attempt-store.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { Tenant, TenantId } from './tenant.ts';
import { compileTenantHosts } from './tenant-hosts.ts';
import type { TenantStore } from './tenant-store.ts';

/** A tenant with the secrets that only the configuration has. */
export interface KnownTenant extends Tenant, EffectiveTenant {
  readonly id: TenantId;
  readonly name: string;
  readonly origin: 'configured' | 'stored';
  /** Requests of its own, in place of `limits.perTenant`; `undefined`: that holds. */
  readonly requestLimit?: AttemptRate | undefined;
}

export type HostRecognition =
  | { readonly kind: 'none' }
  | { readonly kind: 'tenant'; readonly id: TenantId }
  /** The host has the shape of a tenant host, but there is no such tenant. */
  | { readonly kind: 'unknownTenant' };

/** All tenants, of configuration and store, in memory. Asked on every request; follows the change feed. */
export interface TenantDirectory {
  find(id: TenantId): KnownTenant | undefined;
  list(): readonly KnownTenant[];
  recogniseHost(host: string): HostRecognition;
  /** Tenants that list an issuer by name. */
  tenantsOfIssuer(issuer: string): ReadonlySet<TenantId>;
  /** False while a change is being read: what it says may be what was before. */
  isCurrent(): boolean;
  close(): void;
}

interface Snapshot {
  readonly byId: ReadonlyMap<TenantId, KnownTenant>;
  readonly byHost: ReadonlyMap<string, TenantId>;
  readonly byIssuer: ReadonlyMap<string, ReadonlySet<TenantId>>;
}

const RETRY_MILLISECONDS = 1_000;
const NO_TENANTS: ReadonlySet<TenantId> = new Set();

/**
 * Reads the store once and follows it. While the store cannot be read after a change, the last snapshot stays and the
 * read is tried again with the next change or after `RETRY_MILLISECONDS`. Throws `StoreUnavailable` if the first read fails.
 */
export async function openTenantDirectory(options: {
  readonly settings: Pick<Settings, 'tenants' | 'tenantHosts' | 'routes'>;
  readonly store: TenantStore;
  readonly changes: ChangeFeed;
  readonly log: Logger;
}): Promise<TenantDirectory> {
  const { settings, store, log } = options;
  const configured = configuredTenants(settings.tenants);
  const routeHosts = settings.routes.flatMap((route) =>
    route.match.host?.startsWith('{') === true ? [route.match.host] : [],
  );
  const namedByHost = compileTenantHosts([...settings.tenantHosts, ...routeHosts]);
  let isStale = false;
  let isRefreshing = false;
  let retry: NodeJS.Timeout | undefined;

  async function read(): Promise<Snapshot> {
    const [stored, suspensions] = await Promise.all([store.list(), store.listSuspensions()]);
    return createSnapshot(configured, stored, new Set(suspensions), log);
  }

  /** One read at a time; what changes during a read causes another. */
  async function refresh(): Promise<void> {
    if (isRefreshing) return;
    isRefreshing = true;
    try {
      while (isStale) {
        isStale = false;
        snapshot = await read();
      }
    } catch (error) {
      isStale = true;
      log.error({ err: error }, 'tenants could not be read from the store; the last known ones stay in use');
      retry = setTimeout(() => void refresh(), RETRY_MILLISECONDS).unref();
    } finally {
      isRefreshing = false;
    }
  }

  const unsubscribe = options.changes.subscribe((change) => {
    if (change.kind !== 'tenantChanged' && change.kind !== 'resynchronise') return;
    isStale = true;
    void refresh();
  });
  let snapshot: Snapshot;
  try {
    snapshot = await read();
  } catch (error) {
    unsubscribe();
    throw error;
  }

  return {
    find: (id) => snapshot.byId.get(id),
    list: () => [...snapshot.byId.values()],
    tenantsOfIssuer: (issuer) => snapshot.byIssuer.get(issuer) ?? NO_TENANTS,
    recogniseHost(host) {
      const exact = snapshot.byHost.get(host);
      if (exact !== undefined) return { kind: 'tenant', id: exact };
      const named = namedByHost(host);
      if (named.kind === 'none') return named;
      const isKnown = named.kind === 'named' && snapshot.byId.has(named.id);
      return isKnown ? { kind: 'tenant', id: named.id } : { kind: 'unknownTenant' };
    },
    isCurrent: () => !isStale && !isRefreshing,
    close() {
      unsubscribe();
      clearTimeout(retry);
    },
  };
}

/** Tenants as the configuration describes them. */
export function configuredTenants(settings: Settings['tenants']): readonly KnownTenant[] {
  return Object.entries(settings).map(([id, tenant]) => ({
    id: id as TenantId,
    name: tenant.name ?? id,
    status: tenant.status,
    hosts: tenant.hosts.map((host) => normaliseHost(host) ?? host),
    issuers: tenant.issuers,
    credentials: tenant.credentials,
    requestLimit: tenant.limits?.requests,
    origin: 'configured',
  }));
}

/** Configured tenants win over stored ones of the same id or host: the clash is logged, and the stored one left out. */
function createSnapshot(
  configured: readonly KnownTenant[],
  stored: readonly Tenant[],
  suspensions: ReadonlySet<TenantId>,
  log: Logger,
): Snapshot {
  const byId = new Map<TenantId, KnownTenant>();
  const byHost = new Map<string, TenantId>();
  const byIssuer = new Map<string, Set<TenantId>>();
  const storedTenants = stored.map(
    (tenant): KnownTenant => ({ ...tenant, credentials: {}, origin: 'stored' }),
  );
  for (const candidate of [...configured, ...storedTenants]) {
    const clash = byId.has(candidate.id) || candidate.hosts.some((host) => byHost.has(host));
    if (clash) {
      log.error(
        { tenant: candidate.id },
        'a stored tenant has the id or a host of another tenant and is left out',
      );
      continue;
    }
    const tenant: KnownTenant = suspensions.has(candidate.id)
      ? { ...candidate, status: 'suspended' }
      : candidate;
    byId.set(tenant.id, tenant);
    for (const host of tenant.hosts) byHost.set(host, tenant.id);
    for (const issuer of tenant.issuers) {
      const members = byIssuer.get(issuer) ?? new Set();
      byIssuer.set(issuer, members.add(tenant.id));
    }
  }
  return { byId, byHost, byIssuer };
}
