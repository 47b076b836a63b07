import { StoreUnavailable } from '../../base/outage.ts';
import type { TenantId } from '../../tenants/tenant.ts';
import { firstRevision, nextRevision } from '../../tenants/tenant-revision.ts';
import type { StoredTenant, TenantStore } from '../../tenants/tenant-store.ts';
import { ANNOUNCE, CHANGES_KEPT, writeChange } from './change-entries.ts';
import {
  type Decision,
  type Field,
  type RedisDatabase,
  type RedisSteps,
  unchanged,
  type Values,
  type Write,
} from './database.ts';
import type { RedisKeys } from './keys.ts';
import { defineScript } from './script.ts';
import { checkTime } from './values.ts';

/** A tenant with more keys than this is announced as "read everything anew", since the stream could not hold them all. */
const ANNOUNCED_ONE_BY_ONE = CHANGES_KEPT / 2;

/**
 * Deletes a tenant, if its record is still the one given, and its API keys. One step, however many keys there are: a
 * hundred thousand of them hold the server up for about half a second. ARGV: id, record, announcement of the tenant,
 * that of a key before and after its id, that of too many keys, and the tenant's hosts. Answers -1 if the record is
 * another one.
 */
const DELETE = defineScript(`${ANNOUNCE}
local tenants, hosts, records, digests, uses, ids, by_tenant =
  KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local tenant = ARGV[1]
if redis.call('HGET', tenants, tenant) ~= ARGV[2] then return -1 end
redis.call('HDEL', tenants, tenant)
for at = 7, #ARGV do redis.call('HDEL', hosts, ARGV[at]) end
announce(ARGV[3])
local first, last = '[' .. tenant .. ':', '(' .. tenant .. ';'
local members = redis.call('ZRANGE', by_tenant, first, last, 'BYLEX')
for from = 1, #members, 1000 do
  local batch, used = {}, {}
  for at = from, math.min(from + 999, #members) do batch[#batch + 1] = members[at]:sub(#tenant + 2) end
  for _, record in ipairs(redis.call('HMGET', records, unpack(batch))) do
    if record then used[#used + 1] = record:match('^%S+') end
  end
  if #used > 0 then redis.call('HDEL', digests, unpack(used)) end
  redis.call('HDEL', records, unpack(batch))
  redis.call('HDEL', uses, unpack(batch))
  redis.call('ZREM', ids, unpack(batch))
  if #members <= ${ANNOUNCED_ONE_BY_ONE} then
    for _, id in ipairs(batch) do announce(ARGV[4] .. id .. ARGV[5]) end
  end
end
redis.call('ZREMRANGEBYLEX', by_tenant, first, last)
if #members > ${ANNOUNCED_ONE_BY_ONE} then announce(ARGV[6]) end
return made
`);

const DELETE_ATTEMPTS = 100;

type Created = Awaited<ReturnType<TenantStore['create']>>;
type Updated = Awaited<ReturnType<TenantStore['update']>>;

export function createTenantStore(database: RedisDatabase): TenantStore {
  const { keys } = database;

  function recordOf(id: TenantId): Field {
    return { key: keys.tenants, field: id };
  }

  function hostFields(hosts: readonly string[]): readonly Field[] {
    return hosts.map((host) => ({ key: keys.tenantHosts, field: host }));
  }

  function writeTenant(tenant: StoredTenant, formerHosts: readonly string[]): readonly Write[] {
    const givenUp = formerHosts.filter((host) => !tenant.hosts.includes(host));
    return [
      ['HSET', keys.tenants, tenant.id, JSON.stringify(tenant)],
      ...tenant.hosts.map((host) => ['HSET', keys.tenantHosts, host, tenant.id] as const),
      ...givenUp.map((host) => ['HDEL', keys.tenantHosts, host] as const),
    ];
  }

  return {
    async create(tenant, now) {
      const created = firstRevision(tenant, checkTime(now));
      return database.decide(
        [recordOf(tenant.id), ...hostFields(created.hosts)],
        ([record, ...owners]): Decision<Created> => {
          const owner = record === undefined ? findOwner(owners, tenant.id) : tenant.id;
          if (owner !== undefined) return unchanged({ kind: 'clash', with: owner });
          return {
            answer: { kind: 'created', tenant: created },
            writes: writeTenant(created, []),
            changes: [{ kind: 'tenantChanged', id: tenant.id }],
          };
        },
        'assumeAbsent',
      );
    },

    async find(id) {
      const record = (await database.ask('HGET', keys.tenants, id)) as string | null;
      return record === null ? undefined : readTenant(record);
    },

    async list() {
      const records = (await database.ask('HVALS', keys.tenants)) as string[];
      await database.confirmEpoch();
      return records.map(readTenant).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },

    async update(id, change, now, revision) {
      const updatedAt = checkTime(now);
      return database.decide(
        [recordOf(id), ...hostFields(change.hosts ?? [])],
        ([record, ...owners]): Decision<Updated> => {
          if (record === undefined) return unchanged({ kind: 'absent' });
          const existing = readTenant(record);
          if (revision !== undefined && revision !== existing.revision)
            return unchanged({ kind: 'stale', revision: existing.revision });
          const owner = findOwner(owners, id);
          if (owner !== undefined) return unchanged({ kind: 'clash', with: owner });
          const updated = nextRevision(existing, change, updatedAt);
          return {
            answer: { kind: 'updated', tenant: updated },
            writes: writeTenant(updated, existing.hosts),
            changes: [{ kind: 'tenantChanged', id }],
          };
        },
      );
    },

    delete: (id, revision) => database.perform((steps) => deleteTenant(steps, keys, id, revision)),

    async setSuspension(id, isSuspended, now) {
      const at = checkTime(now);
      return database.decide([{ key: keys.suspensions, field: id }], ([since]) => {
        if ((since !== undefined) === isSuspended) return unchanged(false);
        return {
          answer: true,
          writes: [isSuspended ? ['HSET', keys.suspensions, id, at] : ['HDEL', keys.suspensions, id]],
          changes: [{ kind: 'tenantChanged', id }],
        };
      });
    },

    async listSuspensions() {
      const suspended = (await database.ask('HKEYS', keys.suspensions)) as TenantId[];
      await database.confirmEpoch();
      return suspended.toSorted();
    },
  };
}

async function deleteTenant(
  steps: RedisSteps,
  keys: RedisKeys,
  id: TenantId,
  revision: number | undefined,
): Promise<boolean> {
  const names = [
    keys.tenants,
    keys.tenantHosts,
    keys.apiKeys,
    keys.apiKeyDigests,
    keys.apiKeyUses,
    keys.apiKeyIds,
    keys.apiKeysByTenant,
  ];
  // An API key's id needs no escapes in JSON, so that the script may put it in the middle.
  const announcements = [
    writeChange({ kind: 'tenantChanged', id }),
    '{"kind":"apiKeyChanged","id":"',
    '"}',
    writeChange({ kind: 'resynchronise' }),
  ];
  for (let attempt = 0; attempt < DELETE_ATTEMPTS; attempt += 1) {
    const record = (await steps.ask('HGET', keys.tenants, id)) as string | null;
    if (record === null) return false;
    const { hosts, revision: found } = readTenant(record);
    if (revision !== undefined && revision !== found) return false;
    const outcome = await steps.runChange(DELETE, names, [id, record, ...announcements, ...hosts]);
    if (outcome > 0) return true;
  }
  throw new StoreUnavailable('The Redis store failed: too many change one tenant at the same time.');
}

/** The other tenant that one of the hosts belongs to. */
function findOwner(owners: Values, except: TenantId): TenantId | undefined {
  return owners.find((owner) => owner !== undefined && owner !== except) as TenantId | undefined;
}

function readTenant(record: string): StoredTenant {
  return JSON.parse(record) as StoredTenant;
}
