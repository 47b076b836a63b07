import type { Clock } from '../../base/clock.ts';
import { mergeRevocations } from '../../revocation/merge-revocations.ts';
import { type Revocation, type RevocationTarget, revocationIdOf } from '../../revocation/revocation.ts';
import type { RevocationStore } from '../../revocation/revocation-store.ts';
import { writeOptionalTime, writeTime } from './columns.ts';
import type { Database } from './database.ts';

interface RevocationRow {
  /** JSON of the target. */
  readonly target: string;
  readonly issued_before: number | null;
  readonly expires_at: number | null;
  readonly revoked_at: number;
  readonly revoked_by: string;
  readonly reason: string | null;
}

export function createRevocationStore(database: Database, clock: Clock): RevocationStore {
  const selectLive = database.prepare(
    'SELECT * FROM revocations WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)',
  );
  const selectAllLive = database.prepare(
    'SELECT * FROM revocations WHERE expires_at IS NULL OR expires_at > ? ORDER BY id',
  );
  const upsert = database.prepare(`
    INSERT OR REPLACE INTO revocations (id, target, issued_before, expires_at, revoked_at, revoked_by, reason)
    VALUES (:id, :target, :issuedBefore, :expiresAt, :revokedAt, :revokedBy, :reason)`);
  const deleteOne = database.prepare('DELETE FROM revocations WHERE id = ?');
  const deleteExpired = database.prepare('DELETE FROM revocations WHERE expires_at <= ?');

  return {
    add: (added) =>
      database.write((announce) => {
        const id = revocationIdOf(added.target);
        const row = selectLive.get(id, clock()) as RevocationRow | undefined;
        const revocation = row === undefined ? added : mergeRevocations(readRevocation(row), added);
        upsert.run({
          id,
          target: JSON.stringify(revocation.target),
          issuedBefore: writeOptionalTime(revocation.issuedBefore),
          expiresAt: writeOptionalTime(revocation.expiresAt),
          revokedAt: writeTime(revocation.revokedAt),
          revokedBy: revocation.revokedBy,
          reason: revocation.reason ?? null,
        });
        announce({ kind: 'revocationAdded', revocation });
        return revocation;
      }),

    find: (targets, now) =>
      database.read(() =>
        targets.flatMap((target) => {
          const row = selectLive.get(revocationIdOf(target), now) as RevocationRow | undefined;
          return row === undefined ? [] : [readRevocation(row)];
        }),
      ),

    list: (now) =>
      database.read(() =>
        (selectAllLive.all(now) as unknown as readonly RevocationRow[]).map(readRevocation),
      ),

    remove: (id) =>
      database.write((announce) => {
        if (deleteOne.run(id).changes === 0) return false;
        announce({ kind: 'revocationRemoved', id });
        return true;
      }),

    prune: (now) => database.write(() => Number(deleteExpired.run(now).changes)),
  };
}

function readRevocation(row: RevocationRow): Revocation {
  return {
    target: JSON.parse(row.target) as RevocationTarget,
    ...(row.issued_before !== null && { issuedBefore: row.issued_before }),
    ...(row.expires_at !== null && { expiresAt: row.expires_at }),
    revokedAt: row.revoked_at,
    revokedBy: row.revoked_by,
    ...(row.reason !== null && { reason: row.reason }),
  };
}
