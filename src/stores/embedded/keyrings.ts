import type { KeyringStore, StoredKeyring, StoredSigningKey } from '../../keys/keyring-store.ts';
import { writeTime } from './columns.ts';
import type { Database } from './database.ts';

interface KeyringRow {
  readonly purpose: string;
  /** Keys as JSON; their private parts are sealed. */
  readonly previous_key: string | null;
  readonly current_key: string;
  readonly next_key: string;
  readonly rotated_at: number;
  readonly revision: number;
}

export function createKeyringStore(database: Database): KeyringStore {
  const selectOne = database.prepare('SELECT * FROM keyrings WHERE purpose = ?');
  const selectAll = database.prepare('SELECT * FROM keyrings ORDER BY purpose');
  const upsert = database.prepare(`
    INSERT OR REPLACE INTO keyrings (purpose, previous_key, current_key, next_key, rotated_at, revision)
    VALUES (:purpose, :previousKey, :currentKey, :nextKey, :rotatedAt, :revision)`);

  function find(purpose: string): StoredKeyring | undefined {
    const row = selectOne.get(purpose) as KeyringRow | undefined;
    return row && readKeyring(row);
  }

  return {
    find: (purpose) => database.read(() => find(purpose)),

    list: () => database.read(() => (selectAll.all() as unknown as readonly KeyringRow[]).map(readKeyring)),

    save: (keyring, expectedRevision) =>
      database.write((announce) => {
        const storedRevision = find(keyring.purpose)?.revision ?? 0;
        if (storedRevision !== expectedRevision) return 'stale';
        upsert.run({
          purpose: keyring.purpose,
          previousKey: keyring.previous === undefined ? null : JSON.stringify(keyring.previous),
          currentKey: JSON.stringify(keyring.current),
          nextKey: JSON.stringify(keyring.next),
          rotatedAt: writeTime(keyring.rotatedAt),
          revision: expectedRevision + 1,
        });
        announce({ kind: 'keyringChanged' });
        return 'saved';
      }),
  };
}

function readKeyring(row: KeyringRow): StoredKeyring {
  return {
    purpose: row.purpose,
    ...(row.previous_key !== null && { previous: JSON.parse(row.previous_key) as StoredSigningKey }),
    current: JSON.parse(row.current_key) as StoredSigningKey,
    next: JSON.parse(row.next_key) as StoredSigningKey,
    rotatedAt: row.rotated_at,
    revision: row.revision,
  };
}
