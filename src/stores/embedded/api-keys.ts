import type { ApiKey, ApiKeyDigest, ApiKeyId } from '../../api-keys/api-key.ts';
import type { ApiKeyStore } from '../../api-keys/api-key-store.ts';
import type { TenantId } from '../../tenants/tenant.ts';
import { readStrings, writeCount, writeOptionalTime, writeTime } from './columns.ts';
import type { Database } from './database.ts';

interface ApiKeyRow {
  readonly id: ApiKeyId;
  readonly tenant: TenantId;
  readonly name: string;
  readonly owner: string | null;
  readonly digest_algorithm: ApiKeyDigest['algorithm'];
  readonly digest_hex: string;
  readonly scopes: string;
  readonly roles: string;
  readonly origin: ApiKey['origin'];
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly replaced_by: ApiKeyId | null;
  readonly last_used_at: number | null;
}

export function createApiKeyStore(database: Database): ApiKeyStore {
  const selectById = database.prepare('SELECT * FROM api_keys WHERE id = ?');
  const selectByDigest = database.prepare(
    'SELECT * FROM api_keys WHERE digest_hex = ? AND digest_algorithm = ?',
  );
  const selectPage = database.prepare('SELECT * FROM api_keys WHERE id > ? ORDER BY id LIMIT ?');
  const selectTenantPage = database.prepare(
    'SELECT * FROM api_keys WHERE tenant = ? AND id > ? ORDER BY id LIMIT ?',
  );
  const insert = database.prepare(`
    INSERT INTO api_keys (id, tenant, name, owner, digest_algorithm, digest_hex, scopes, roles, origin,
      created_at, expires_at, revoked_at, replaced_by, last_used_at)
    VALUES (:id, :tenant, :name, :owner, :digestAlgorithm, :digestHex, :scopes, :roles, :origin,
      :createdAt, :expiresAt, :revokedAt, :replacedBy, :lastUsedAt)
    ON CONFLICT DO NOTHING`);
  const replace = database.prepare(`
    UPDATE api_keys SET replaced_by = :successor, expires_at = min(coalesce(expires_at, :expiresAt), :expiresAt)
    WHERE id = :id`);
  const markRevoked = database.prepare('UPDATE api_keys SET revoked_at = ? WHERE id = ?');
  const markUsed = database.prepare(`
    UPDATE api_keys SET last_used_at = :at WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :at)`);

  function find(id: ApiKeyId): ApiKey | undefined {
    const row = selectById.get(id) as ApiKeyRow | undefined;
    return row && readApiKey(row);
  }

  function create(key: ApiKey): 'created' | 'clash' {
    return insert.run(writeApiKey(key)).changes === 0 ? 'clash' : 'created';
  }

  return {
    create: (key) =>
      database.write((announce) => {
        const outcome = create(key);
        if (outcome === 'created') announce({ kind: 'apiKeyChanged', id: key.id });
        return outcome;
      }),

    findById: (id) => database.read(() => find(id)),

    findByDigest: (digest) =>
      database.read(() => {
        const row = selectByDigest.get(digest.hex, digest.algorithm) as ApiKeyRow | undefined;
        return row && readApiKey(row);
      }),

    list: ({ tenant, after = '', limit }) =>
      database.read(() => {
        const atMost = writeCount(limit);
        const rows =
          tenant === undefined ? selectPage.all(after, atMost) : selectTenantPage.all(tenant, after, atMost);
        return (rows as unknown as readonly ApiKeyRow[]).map(readApiKey);
      }),

    rotate: (id, successor, oldExpiresAt) =>
      database.write((announce) => {
        const old = find(id);
        if (old === undefined || old.revokedAt !== undefined || old.replacedBy !== undefined) return 'absent';
        if (create(successor) === 'clash') return 'clash';
        replace.run({ id, successor: successor.id, expiresAt: writeTime(oldExpiresAt) });
        announce({ kind: 'apiKeyChanged', id: successor.id });
        announce({ kind: 'apiKeyChanged', id });
        return 'rotated';
      }),

    revoke: (id, now) =>
      database.write((announce) => {
        const key = find(id);
        if (key === undefined) return 'absent';
        if (key.revokedAt !== undefined) return 'already';
        markRevoked.run(writeTime(now), id);
        announce({ kind: 'apiKeyChanged', id });
        return 'revoked';
      }),

    recordUses: (uses) =>
      database.write(() => {
        for (const [id, at] of uses) markUsed.run({ id, at: writeTime(at) });
      }),
  };
}

function writeApiKey(key: ApiKey): Record<string, string | number | null> {
  return {
    id: key.id,
    tenant: key.tenant,
    name: key.name,
    owner: key.owner ?? null,
    digestAlgorithm: key.digest.algorithm,
    digestHex: key.digest.hex,
    scopes: JSON.stringify(key.scopes),
    roles: JSON.stringify(key.roles),
    origin: key.origin,
    createdAt: writeTime(key.createdAt),
    expiresAt: writeOptionalTime(key.expiresAt),
    revokedAt: writeOptionalTime(key.revokedAt),
    replacedBy: key.replacedBy ?? null,
    lastUsedAt: writeOptionalTime(key.lastUsedAt),
  };
}

function readApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    tenant: row.tenant,
    name: row.name,
    ...(row.owner !== null && { owner: row.owner }),
    digest: { algorithm: row.digest_algorithm, hex: row.digest_hex },
    scopes: readStrings(row.scopes),
    roles: readStrings(row.roles),
    origin: row.origin,
    createdAt: row.created_at,
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    ...(row.revoked_at !== null && { revokedAt: row.revoked_at }),
    ...(row.replaced_by !== null && { replacedBy: row.replaced_by }),
    ...(row.last_used_at !== null && { lastUsedAt: row.last_used_at }),
  };
}
