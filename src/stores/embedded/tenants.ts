import type { ApiKeyId } from '../../api-keys/api-key.ts';
import type { Rate } from '../../base/rate.ts';
import type { TenantId, TenantStatus } from '../../tenants/tenant.ts';
import { firstRevision, nextRevision } from '../../tenants/tenant-revision.ts';
import type { StoredTenant, TenantStore } from '../../tenants/tenant-store.ts';
import { readStrings, writeTime } from './columns.ts';
import type { Database } from './database.ts';

interface TenantRow {
  readonly id: TenantId;
  readonly name: string;
  readonly status: TenantStatus;
  /** JSON array, in the tenant's order. */
  readonly hosts: string;
  readonly issuers: string;
  /** JSON. */
  readonly request_limit: string | null;
  readonly created_at: number;
  readonly updated_at: number;
  readonly revision: number;
}

const SELECT = `
  SELECT tenants.*, (
    SELECT json_group_array(host ORDER BY position) FROM tenant_hosts WHERE tenant = tenants.id
  ) AS hosts
  FROM tenants`;

export function createTenantStore(database: Database): TenantStore {
  const selectOne = database.prepare(`${SELECT} WHERE id = ?`);
  const selectAll = database.prepare(`${SELECT} ORDER BY id`);
  const selectHost = database.prepare('SELECT tenant FROM tenant_hosts WHERE host = ?');
  const upsert = database.prepare(`
    INSERT INTO tenants (id, name, status, issuers, request_limit, created_at, updated_at, revision)
    VALUES (:id, :name, :status, :issuers, :requestLimit, :createdAt, :updatedAt, :revision)
    ON CONFLICT (id) DO UPDATE SET
      name = excluded.name, status = excluded.status, issuers = excluded.issuers,
      request_limit = excluded.request_limit,
      updated_at = excluded.updated_at, revision = excluded.revision`);
  const deleteOne = database.prepare('DELETE FROM tenants WHERE id = ?');
  const deleteHosts = database.prepare('DELETE FROM tenant_hosts WHERE tenant = ?');
  const insertHost = database.prepare('INSERT INTO tenant_hosts (host, tenant, position) VALUES (?, ?, ?)');
  const deleteKeys = database.prepare('DELETE FROM api_keys WHERE tenant = ? RETURNING id');
  const suspend = database.prepare(
    'INSERT INTO tenant_suspensions (tenant, suspended_at) VALUES (?, ?) ON CONFLICT DO NOTHING',
  );
  const resume = database.prepare('DELETE FROM tenant_suspensions WHERE tenant = ?');
  const selectSuspensions = database.prepare('SELECT tenant FROM tenant_suspensions ORDER BY tenant');

  function find(id: TenantId): StoredTenant | undefined {
    const row = selectOne.get(id) as TenantRow | undefined;
    return row && readTenant(row);
  }

  /** The other tenant that one of the hosts belongs to. */
  function findHostOwner(hosts: readonly string[], except: TenantId): TenantId | undefined {
    for (const host of hosts) {
      const row = selectHost.get(host) as { readonly tenant: TenantId } | undefined;
      if (row !== undefined && row.tenant !== except) return row.tenant;
    }
    return undefined;
  }

  function write(tenant: StoredTenant): void {
    upsert.run({
      id: tenant.id,
      name: tenant.name,
      status: tenant.status,
      issuers: JSON.stringify(tenant.issuers),
      requestLimit: tenant.requestLimit === undefined ? null : JSON.stringify(tenant.requestLimit),
      createdAt: writeTime(tenant.createdAt),
      updatedAt: writeTime(tenant.updatedAt),
      revision: tenant.revision,
    });
    deleteHosts.run(tenant.id);
    for (const [position, host] of tenant.hosts.entries()) insertHost.run(host, tenant.id, position);
  }

  return {
    create: (tenant, now) =>
      database.write((announce) => {
        const owner = find(tenant.id)?.id ?? findHostOwner(tenant.hosts, tenant.id);
        if (owner !== undefined) return { kind: 'clash', with: owner };
        const created = firstRevision(tenant, now);
        write(created);
        announce({ kind: 'tenantChanged', id: tenant.id });
        return { kind: 'created', tenant: created };
      }),

    find: (id) => database.read(() => find(id)),

    list: () => database.read(() => (selectAll.all() as unknown as readonly TenantRow[]).map(readTenant)),

    update: (id, change, now, revision) =>
      database.write((announce) => {
        const existing = find(id);
        if (existing === undefined) return { kind: 'absent' };
        if (revision !== undefined && revision !== existing.revision) {
          return { kind: 'stale', revision: existing.revision };
        }
        const owner = findHostOwner(change.hosts ?? [], id);
        if (owner !== undefined) return { kind: 'clash', with: owner };
        const updated = nextRevision(existing, change, now);
        write(updated);
        announce({ kind: 'tenantChanged', id });
        return { kind: 'updated', tenant: updated };
      }),

    delete: (id, revision) =>
      database.write((announce) => {
        if (revision !== undefined && find(id)?.revision !== revision) return false;
        if (deleteOne.run(id).changes === 0) return false;
        announce({ kind: 'tenantChanged', id });
        for (const key of deleteKeys.all(id) as unknown as readonly { readonly id: ApiKeyId }[]) {
          announce({ kind: 'apiKeyChanged', id: key.id });
        }
        return true;
      }),

    setSuspension: (id, isSuspended, now) =>
      database.write((announce) => {
        const { changes } = isSuspended ? suspend.run(id, writeTime(now)) : resume.run(id);
        if (changes === 0) return false;
        announce({ kind: 'tenantChanged', id });
        return true;
      }),

    listSuspensions: () =>
      database.read(() =>
        (selectSuspensions.all() as unknown as readonly { readonly tenant: TenantId }[]).map(
          ({ tenant }) => tenant,
        ),
      ),
  };
}

function readTenant(row: TenantRow): StoredTenant {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    hosts: readStrings(row.hosts),
    issuers: readStrings(row.issuers),
    ...(row.request_limit !== null && { requestLimit: JSON.parse(row.request_limit) as Rate }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    revision: row.revision,
  };
}
