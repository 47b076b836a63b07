import type { StoredToken, TokenStore } from '../../sessions/token-store.ts';
import { checkToken, readDigest } from '../token-checks.ts';
import { writeTime } from './columns.ts';
import type { Database } from './database.ts';

/** Tokens forgotten in one transaction, so that no request waits long. */
const PRUNED_AT_ONCE = 1000;

interface TokenRow {
  /** JSON of the token. */
  readonly record: string;
}

export function createTokenStore(database: Database): TokenStore {
  const selectOne = database.prepare('SELECT record FROM tokens WHERE digest = ?');
  const upsert = database.prepare(
    'INSERT OR REPLACE INTO tokens (digest, record, expires_at) VALUES (?, ?, ?)',
  );
  const deleteOne = database.prepare('DELETE FROM tokens WHERE digest = ?');
  const deleteExpired = database.prepare(`
    DELETE FROM tokens WHERE digest IN (
      SELECT digest FROM tokens WHERE expires_at <= ? ORDER BY expires_at LIMIT ${PRUNED_AT_ONCE}
    )`);

  function find(digest: Buffer): StoredToken | undefined {
    const row = selectOne.get(digest) as TokenRow | undefined;
    return row && (JSON.parse(row.record) as StoredToken);
  }

  return {
    put: (digest, token) =>
      database.write(() => {
        upsert.run(readDigest(digest), JSON.stringify(checkToken(token)), token.expiresAt);
      }),

    find: (digest) => database.read(() => find(readDigest(digest))),

    take: (digest) =>
      database.write(() => {
        const bytes = readDigest(digest);
        const token = find(bytes);
        if (token !== undefined) deleteOne.run(bytes);
        return token;
      }),

    remove: (digest) => database.write(() => deleteOne.run(readDigest(digest)).changes > 0),

    async prune(now) {
      const until = writeTime(now);
      let pruned = 0;
      let batch: number;
      do {
        batch = await database.write(() => Number(deleteExpired.run(until).changes));
        pruned += batch;
      } while (batch === PRUNED_AT_ONCE);
      return pruned;
    },
  };
}
