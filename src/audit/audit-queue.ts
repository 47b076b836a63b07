import type { AuditRecord } from './audit-record.ts';

/** Records in order, at most `capacity`; the oldest give way. */
export interface AuditQueue {
  /** Returns how many older records were dropped for it. */
  push(record: AuditRecord): number;
  /** Takes up to `count` of the oldest. */
  take(count: number): readonly AuditRecord[];
  /** Puts what was taken back in front, as far as there is room. Returns how many were dropped. */
  putBack(records: readonly AuditRecord[]): number;
  size(): number;
}

export function createAuditQueue(capacity: number): AuditQueue {
  let records: AuditRecord[] = [];
  /** Index of the oldest record; what is before it was dropped, and is cut off in bulk, since shifting is linear. */
  let head = 0;

  function compact(): void {
    if (head < capacity) return;
    records = records.slice(head);
    head = 0;
  }

  return {
    push(record) {
      records.push(record);
      if (records.length - head <= capacity) return 0;
      head += 1;
      compact();
      return 1;
    },
    take(count) {
      const taken = records.slice(head, head + count);
      head += taken.length;
      compact();
      return taken;
    },
    putBack(taken) {
      const room = Math.max(0, capacity - (records.length - head));
      const kept = room === 0 ? [] : taken.slice(-room);
      records = [...kept, ...records.slice(head)];
      head = 0;
      return taken.length - kept.length;
    },
    size: () => records.length - head,
  };
}
