import type { Clock } from '../base/clock.ts';
import { changedMeanwhile, type Expectation } from '../base/expectation.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import { normaliseHost } from '../http/host.ts';
import type { Tenant, TenantId, TenantStatus } from './tenant.ts';
import type { StoredTenant, TenantChange, TenantStore } from './tenant-store.ts';

/** A tenant as an administrator sees it, wherever it is described. */
export type AdministeredTenant =
  | { readonly origin: 'configured'; readonly tenant: Tenant }
  | {
      readonly origin: 'stored';
      readonly tenant: StoredTenant;
      /** False: its id or one of its hosts is also in the configuration, which counts; requests do not see this one. */
      readonly isInEffect: boolean;
    };

/** All methods throw `StoreUnavailable`. Tenants of the configuration can be suspended and resumed here, and nothing else. */
export interface TenantService {
  /** Hosts are normalised; issuers must be those of the configuration. */
  create(tenant: Tenant): Promise<Result<AdministeredTenant, Refusal>>;
  /** Sorted by id. */
  list(): Promise<readonly AdministeredTenant[]>;
  find(id: TenantId): Promise<Result<AdministeredTenant, Refusal>>;
  update(
    id: TenantId,
    change: Omit<TenantChange, 'status'>,
    isExpected?: Expectation<AdministeredTenant>,
  ): Promise<Result<AdministeredTenant, Refusal>>;
  /** Works for every tenant, wherever it is described. Idempotent. */
  setStatus(
    id: TenantId,
    status: TenantStatus,
    isExpected?: Expectation<AdministeredTenant>,
  ): Promise<Result<AdministeredTenant, Refusal>>;
  /** Its API keys go with it. */
  delete(id: TenantId, isExpected?: Expectation<AdministeredTenant>): Promise<Result<undefined, Refusal>>;
}

export interface TenantServiceOptions {
  readonly tenants: TenantStore;
  /** Tenants of the configuration that is serving. */
  readonly configured: () => readonly Tenant[];
  /** Names of the issuers of that configuration. */
  readonly issuers: () => readonly string[];
  readonly clock: Clock;
}

export function createTenantService({
  tenants,
  configured,
  issuers,
  clock,
}: TenantServiceOptions): TenantService {
  function findConfigured(id: TenantId): Tenant | undefined {
    return configured().find((tenant) => tenant.id === id);
  }

  function asStored(tenant: StoredTenant): AdministeredTenant {
    const isTaken = configured().some(
      ({ id, hosts }) => id === tenant.id || hosts.some((host) => tenant.hosts.includes(host)),
    );
    return { origin: 'stored', tenant, isInEffect: !isTaken };
  }

  async function list(): Promise<readonly AdministeredTenant[]> {
    const [stored, suspensions] = await Promise.all([tenants.list(), tenants.listSuspensions()]);
    const suspended = new Set(suspensions);
    const all: readonly AdministeredTenant[] = [
      ...configured().map((tenant) => ({ origin: 'configured' as const, tenant: narrow(tenant, suspended) })),
      ...stored.map((tenant) => asStored(narrow(tenant, suspended))),
    ];
    return all.toSorted(byId);
  }

  async function find(id: TenantId): Promise<Result<AdministeredTenant, Refusal>> {
    const [stored, suspensions] = await Promise.all([tenants.find(id), tenants.listSuspensions()]);
    const suspended = new Set(suspensions);
    // Of two with one id, the one of the configuration comes first.
    const own = findConfigured(id);
    if (own !== undefined) return ok({ origin: 'configured', tenant: narrow(own, suspended) });
    return stored === undefined ? noSuchTenant(id) : ok(asStored(narrow(stored, suspended)));
  }

  /** Normalised hosts and known issuers, or what is wrong with them. */
  function checkChange(change: TenantChange): Result<TenantChange, Refusal> {
    const hosts: string[] = [];
    for (const text of change.hosts ?? []) {
      const host = normaliseHost(text);
      if (host === undefined)
        return refusal('invalid', `${JSON.stringify(text)} is not a host name without a port.`);
      const owner = configured().find((tenant) => tenant.hosts.includes(host));
      if (owner !== undefined) return hostTaken(owner.id);
      hosts.push(host);
    }
    const unknown = change.issuers?.find((issuer) => !issuers().includes(issuer));
    if (unknown !== undefined)
      return refusal('invalid', `The configuration has no issuer ${JSON.stringify(unknown)}.`);
    return ok({ ...change, ...(change.hosts !== undefined && { hosts }) });
  }

  async function updateStored(
    id: TenantId,
    change: TenantChange,
    revision?: number,
  ): Promise<Result<AdministeredTenant, Refusal>> {
    const outcome = await tenants.update(id, change, clock(), revision);
    switch (outcome.kind) {
      case 'updated':
        return ok(asStored(outcome.tenant));
      case 'absent':
        return noSuchTenant(id);
      case 'clash':
        return hostTaken(outcome.with);
      case 'stale':
        return changedMeanwhile(`tenant ${id}`);
    }
  }

  /** The revision that the change may be made to; `undefined`: any, or a tenant of the configuration, which has none. */
  async function expectedRevision(
    id: TenantId,
    isExpected: Expectation<AdministeredTenant> | undefined,
  ): Promise<Result<number | undefined, Refusal>> {
    if (isExpected === undefined) return ok(undefined);
    const found = await find(id);
    if (!found.ok) return found;
    if (!isExpected(found.value)) return changedMeanwhile(`tenant ${id}`);
    return ok(found.value.origin === 'stored' ? found.value.tenant.revision : undefined);
  }

  return {
    async create(tenant) {
      if (findConfigured(tenant.id) !== undefined) return idTaken(tenant.id);
      const checked = checkChange({ hosts: tenant.hosts, issuers: tenant.issuers });
      if (!checked.ok) return checked;
      const outcome = await tenants.create(
        { ...tenant, ...checked.value, requestLimit: tenant.requestLimit },
        clock(),
      );
      if (outcome.kind === 'created') return ok(asStored(outcome.tenant));
      return outcome.with === tenant.id ? idTaken(tenant.id) : hostTaken(outcome.with);
    },

    list,
    find,

    async update(id, change, isExpected) {
      if (findConfigured(id) !== undefined) return inConfiguration(id, 'change it there');
      const checked = checkChange(change);
      if (!checked.ok) return checked;
      const revision = await expectedRevision(id, isExpected);
      return revision.ok ? updateStored(id, checked.value, revision.value) : revision;
    },

    async setStatus(id, status, isExpected) {
      const revision = await expectedRevision(id, isExpected);
      if (!revision.ok) return revision;
      const described = findConfigured(id);
      if (described === undefined) {
        const outcome = await updateStored(id, { status }, revision.value);
        // Left over from when the configuration described this tenant.
        if (outcome.ok && status === 'active') await tenants.setSuspension(id, false, clock());
        return outcome;
      }
      if (status === 'active' && described.status === 'suspended') {
        return inConfiguration(id, 'it is suspended there, so resume it there');
      }
      await tenants.setSuspension(id, status === 'suspended', clock());
      return find(id);
    },

    async delete(id, isExpected) {
      if (findConfigured(id) !== undefined) return inConfiguration(id, 'delete it there');
      const revision = await expectedRevision(id, isExpected);
      if (!revision.ok) return revision;
      if (await tenants.delete(id, revision.value)) return ok(undefined);
      const isThere = revision.value !== undefined && (await tenants.find(id)) !== undefined;
      return isThere ? changedMeanwhile(`tenant ${id}`) : noSuchTenant(id);
    },
  };
}

function narrow<T extends Tenant>(tenant: T, suspended: ReadonlySet<TenantId>): T {
  return suspended.has(tenant.id) ? { ...tenant, status: 'suspended' } : tenant;
}

function byId({ tenant: one }: AdministeredTenant, { tenant: other }: AdministeredTenant): number {
  if (one.id === other.id) return 0;
  return one.id < other.id ? -1 : 1;
}

function inConfiguration(id: TenantId, remedy: string) {
  return refusal('conflict', `The tenant ${id} is in the configuration file: ${remedy}.`);
}

function noSuchTenant(id: TenantId) {
  return refusal('absent', `There is no tenant ${id}.`);
}

function idTaken(id: TenantId) {
  return refusal('conflict', `There is a tenant ${id} already.`);
}

function hostTaken(by: TenantId) {
  return refusal('conflict', `One of the hosts belongs to the tenant ${by}.`);
}
