import type { AuditRecord } from '../../audit/audit-record.ts';
import type { AuditStore, StoredAuditRecord } from '../../audit/audit-store.ts';
import { writeCount } from './columns.ts';
import type { Database } from './database.ts';

/** Records dropped per transaction, so that pruning years of audit does not hold up requests. */
const PRUNED_AT_ONCE = 5000;

interface AuditRow {
  readonly sequence: number;
  /** JSON of the record. */
  readonly record: string;
}

export function createAuditStore(database: Database): AuditStore {
  const insert = database.prepare('INSERT INTO audit (decision_id, record) VALUES (?, ?)');
  const selectNext = database.prepare('SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?');
  const selectNextOfDecision = database.prepare(
    'SELECT * FROM audit WHERE decision_id = ? AND sequence > ? ORDER BY sequence LIMIT ?',
  );
  const selectNewest = database.prepare('SELECT * FROM audit ORDER BY sequence DESC LIMIT ?');
  const selectNewestOfDecision = database.prepare(
    'SELECT * FROM audit WHERE decision_id = ? ORDER BY sequence DESC LIMIT ?',
  );
  // Sequences have no gaps but at the old end, so the newest `keep` are those above max - keep.
  const deleteOldest = database.prepare(`
    DELETE FROM audit WHERE sequence IN (
      SELECT sequence FROM audit
      WHERE sequence <= (SELECT max(sequence) FROM audit) - ? ORDER BY sequence LIMIT ${PRUNED_AT_ONCE}
    )`);

  return {
    append: (records) =>
      database.write(() => {
        for (const record of records) insert.run(record.decisionId, JSON.stringify(record));
      }),

    read: ({ after, decisionId, limit }) =>
      database.read(() => {
        const atMost = writeCount(limit);
        if (after === undefined) {
          const rows =
            decisionId === undefined
              ? selectNewest.all(atMost)
              : selectNewestOfDecision.all(decisionId, atMost);
          return (rows as unknown as readonly AuditRow[]).map(readRecord).reverse();
        }
        const rows =
          decisionId === undefined
            ? selectNext.all(after, atMost)
            : selectNextOfDecision.all(decisionId, after, atMost);
        return (rows as unknown as readonly AuditRow[]).map(readRecord);
      }),

    async prune(keep) {
      let dropped = 0;
      let batch: number;
      do {
        batch = await database.write(() => Number(deleteOldest.run(writeCount(keep)).changes));
        dropped += batch;
      } while (batch === PRUNED_AT_ONCE);
      return dropped;
    },
  };
}

function readRecord(row: AuditRow): StoredAuditRecord {
  return { ...(JSON.parse(row.record) as AuditRecord), sequence: row.sequence };
}
