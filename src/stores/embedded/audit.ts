import type { StatementSync } from 'node:sqlite';
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
  const selections = new Map<string, StatementSync>();
  // Sequences have no gaps but at the old end, so the newest `keep` are those above max - keep.
  const deleteOldest = database.prepare(`
    DELETE FROM audit WHERE sequence IN (
      SELECT sequence FROM audit
      WHERE sequence <= (SELECT max(sequence) FROM audit) - ? ORDER BY sequence LIMIT ${PRUNED_AT_ONCE}
    )`);

  /** Those of a condition per column, after a position in their order, or else the newest first. */
  function selection(columns: readonly string[], isAfter: boolean): StatementSync {
    const conditions = columns.map((column) => `${column} = ?`);
    const where = [...conditions, ...(isAfter ? ['sequence > ?'] : [])].join(' AND ') || 'TRUE';
    const sql = `SELECT sequence, record FROM audit WHERE ${where} ORDER BY sequence ${isAfter ? '' : 'DESC'} LIMIT ?`;
    const known = selections.get(sql) ?? database.prepare(sql);
    selections.set(sql, known);
    return known;
  }

  return {
    append: (records) =>
      database.write(() => {
        for (const record of records) insert.run(record.decisionId, JSON.stringify(record));
      }),

    read: ({ after, decisionId, tenant, code, limit }) =>
      database.read(() => {
        const atMost = writeCount(limit);
        const wanted = { decision_id: decisionId, tenant, code };
        const given = Object.entries(wanted).filter(
          (entry): entry is [string, string] => entry[1] !== undefined,
        );
        const values = given.map(([, value]) => value);
        const columns = given.map(([column]) => column);
        if (after === undefined) {
          const rows = selection(columns, false).all(...values, atMost);
          return (rows as unknown as readonly AuditRow[]).map(readRecord).reverse();
        }
        const rows = selection(columns, true).all(...values, after, atMost);
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
