import type { DatabaseSync } from 'node:sqlite';
import { StoreUnavailable } from '../../base/outage.ts';

/** Marks the file as ours (`GtHs`), so that another program's database is never migrated. */
const APPLICATION_ID = 0x47744873;

/**
 * Migration n leads from version n to n + 1; what was released is never edited. Times are REAL, since a NumericDate
 * may have a fraction. Lists and JWKs are JSON text.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE tenants (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
    issuers TEXT NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE tenant_hosts (
    host TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    position INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tenant_hosts_by_tenant ON tenant_hosts (tenant, position);

  -- Tenants of the configuration that were suspended here.
  CREATE TABLE tenant_suspensions (
    tenant TEXT NOT NULL PRIMARY KEY,
    suspended_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- No reference to tenants: a key may belong to a tenant of the configuration.
  CREATE TABLE api_keys (
    id TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT,
    digest_algorithm TEXT NOT NULL CHECK (digest_algorithm IN ('sha256', 'hmac-sha256')),
    digest_hex TEXT NOT NULL,
    scopes TEXT NOT NULL,
    roles TEXT NOT NULL,
    origin TEXT NOT NULL CHECK (origin IN ('issued', 'imported', 'configured')),
    created_at REAL NOT NULL,
    expires_at REAL,
    revoked_at REAL,
    replaced_by TEXT,
    last_used_at REAL,
    UNIQUE (digest_hex, digest_algorithm)
  ) STRICT;
  CREATE INDEX api_keys_by_tenant ON api_keys (tenant, id);

  CREATE TABLE revocations (
    id TEXT NOT NULL PRIMARY KEY,
    target TEXT NOT NULL,
    issued_before REAL,
    expires_at REAL,
    revoked_at REAL NOT NULL,
    revoked_by TEXT NOT NULL,
    reason TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX revocations_by_expiry ON revocations (expires_at) WHERE expires_at IS NOT NULL;

  CREATE TABLE replays (
    space TEXT NOT NULL,
    id TEXT NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (space, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX replays_by_expiry ON replays (expires_at);

  CREATE TABLE keyrings (
    purpose TEXT NOT NULL PRIMARY KEY,
    previous_key TEXT,
    current_key TEXT NOT NULL,
    next_key TEXT NOT NULL,
    rotated_at REAL NOT NULL,
    revision INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- AUTOINCREMENT: a position is never used again, even after the newest record was pruned.
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    decision_id TEXT NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX audit_by_decision ON audit (decision_id);
  `,
  `
  ALTER TABLE audit ADD COLUMN tenant TEXT GENERATED ALWAYS AS (record ->> '$.tenant') VIRTUAL;
  ALTER TABLE audit ADD COLUMN code TEXT GENERATED ALWAYS AS (record ->> '$.code') VIRTUAL;
  CREATE INDEX audit_by_tenant ON audit (tenant, sequence) WHERE tenant IS NOT NULL;
  CREATE INDEX audit_by_code ON audit (code, sequence);
  `,
  `
  -- No reference to tenants, as with API keys.
  CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE attempts (
    bucket TEXT NOT NULL PRIMARY KEY,
    used REAL NOT NULL,
    at REAL NOT NULL,
    full_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX attempts_by_end ON attempts (full_at);
  `,
  `
  -- Subject and client are escaped. The jar is sealed.
  CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    subject TEXT NOT NULL,
    client TEXT,
    tenant TEXT NOT NULL,
    ends_at REAL NOT NULL,
    record TEXT NOT NULL,
    jar TEXT,
    jar_revision INTEGER,
    CHECK ((jar IS NULL) = (jar_revision IS NULL))
  ) STRICT;
  CREATE INDEX sessions_by_subject ON sessions (subject, id);
  CREATE INDEX sessions_by_tenant ON sessions (tenant, id);
  CREATE INDEX sessions_by_client ON sessions (client, id);
  CREATE INDEX sessions_by_end ON sessions (ends_at);

  -- SHA-256 of the token, and never the token.
  CREATE TABLE tokens (
    digest BLOB NOT NULL PRIMARY KEY,
    record TEXT NOT NULL,
    expires_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tokens_by_expiry ON tokens (expires_at);
  `,
  `
  -- JSON: count and window in milliseconds.
  ALTER TABLE tenants ADD COLUMN request_limit TEXT;
  `,
];

/**
 * Brings the database to the newest version in one transaction: all of it, or none. Throws `StoreUnavailable` for a
 * database of a newer Gatehouse or of another program; what SQLite throws passes as it is.
 */
export function migrate(
  connection: DatabaseSync,
  place: string,
  migrations: readonly string[] = MIGRATIONS,
): void {
  connection.exec('BEGIN IMMEDIATE');
  try {
    const version = readVersion(connection, place);
    if (version > migrations.length) {
      throw new StoreUnavailable(
        `The store ${place} has schema version ${version}, and this Gatehouse knows versions up to ${migrations.length}: run the newer Gatehouse that wrote it, or restore an older backup.`,
      );
    }
    for (const migration of migrations.slice(version)) connection.exec(migration);
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    connection.exec(`PRAGMA user_version = ${migrations.length}`);
    connection.exec('COMMIT');
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

function readVersion(connection: DatabaseSync, place: string): number {
  const applicationId = readNumber(connection, 'SELECT application_id AS value FROM pragma_application_id');
  const version = readNumber(connection, 'SELECT user_version AS value FROM pragma_user_version');
  const tables = readNumber(connection, 'SELECT count(*) AS value FROM sqlite_schema');
  const isFresh = applicationId === 0 && version === 0 && tables === 0;
  if (!isFresh && applicationId !== APPLICATION_ID) {
    throw new StoreUnavailable(`The store ${place} is a database of another program; choose another path.`);
  }
  return version;
}

function readNumber(connection: DatabaseSync, sql: string): number {
  return Number(connection.prepare(sql).get()?.['value']);
}
