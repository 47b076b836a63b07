import type { Logger } from 'pino';
import type { Settings } from '../config/schema/config.ts';
import { normaliseHost } from '../http/host.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { Tenant, TenantId } from './tenant.ts';
import { compileTenantHosts } from './tenant-hosts.ts';
import { createTenantSnapshot, type KnownTenant, type TenantSnapshot } from './tenant-snapshot.ts';
import type { TenantStore } from './tenant-store.ts';

export type { KnownTenant } from './tenant-snapshot.ts';

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

const RETRY_MILLISECONDS = 1_000;
/** Of more changes at once, reading all tenants is the shorter way. */
const READ_ONE_BY_ONE = 100;
const NO_TENANTS: ReadonlySet<TenantId> = new Set();

/** What is to be read again: some tenants, or all. */
type Stale = ReadonlySet<TenantId> | 'all';

/**
 * Reads the store once and follows it: a changed tenant is read by itself, so that its change costs the same however many there are. While the store cannot be read after a change, the last snapshot stays and the
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
  const configuredById = new Map(configured.map((tenant) => [tenant.id, tenant]));
  let stale: Stale = new Set();
  // Until all are read for the first time.
  let isRefreshing = true;
  let retry: NodeJS.Timeout | undefined;

  async function readAll(): Promise<TenantSnapshot> {
    const [stored, suspended] = await Promise.all([store.list(), readSuspensions()]);
    const all = [...configured, ...stored.map(storedTenant)];
    return createTenantSnapshot(
      all.map((tenant) => narrowed(tenant, suspended)),
      log,
    );
  }

  /** False if all have to be read. */
  async function readSome(ids: ReadonlySet<TenantId>): Promise<boolean> {
    if (ids.size > READ_ONE_BY_ONE) return false;
    const [suspended, ...read] = await Promise.all([
      readSuspensions(),
      ...[...ids].map(async (id) => ({ id, tenant: await readOne(id) })),
    ]);
    return read.every(({ id, tenant }) => snapshot.replace(id, tenant && narrowed(tenant, suspended)));
  }

  async function readOne(id: TenantId): Promise<KnownTenant | undefined> {
    const found = configuredById.get(id);
    if (found !== undefined) return found;
    const stored = await store.find(id);
    return stored && storedTenant(stored);
  }

  async function readSuspensions(): Promise<ReadonlySet<TenantId>> {
    return new Set(await store.listSuspensions());
  }

  /** One read at a time; what changes during a read causes another. */
  async function refresh(): Promise<void> {
    if (isRefreshing) return;
    isRefreshing = true;
    let reading: Stale = new Set();
    try {
      while (isSome(stale)) {
        reading = stale;
        stale = new Set();
        if (reading === 'all' || !(await readSome(reading))) snapshot = await readAll();
      }
    } catch (error) {
      stale = joined(stale, reading);
      log.error({ err: error }, 'tenants could not be read from the store; the last known ones stay in use');
      retry = setTimeout(() => void refresh(), RETRY_MILLISECONDS).unref();
    } finally {
      isRefreshing = false;
    }
  }

  const unsubscribe = options.changes.subscribe((change) => {
    if (change.kind !== 'tenantChanged' && change.kind !== 'resynchronise') return;
    stale = joined(stale, change.kind === 'resynchronise' ? 'all' : new Set([change.id]));
    void refresh();
  });
  let snapshot: TenantSnapshot;
  try {
    snapshot = await readAll();
  } catch (error) {
    unsubscribe();
    throw error;
  }
  isRefreshing = false;
  void refresh();

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
    isCurrent: () => !isSome(stale) && !isRefreshing,
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

function storedTenant(tenant: Tenant): KnownTenant {
  return { ...tenant, credentials: {}, origin: 'stored' };
}

function narrowed(tenant: KnownTenant, suspended: ReadonlySet<TenantId>): KnownTenant {
  return suspended.has(tenant.id) ? { ...tenant, status: 'suspended' } : tenant;
}

function isSome(stale: Stale): boolean {
  return stale === 'all' || stale.size > 0;
}

function joined(one: Stale, other: Stale): Stale {
  return one === 'all' || other === 'all' ? 'all' : new Set([...one, ...other]);
}
