import type { AuditRecord } from './audit-record.ts';

export interface StoredAuditRecord extends AuditRecord {
  /** Position in the stream; grows. */
  readonly sequence: number;
}

export interface AuditFilter {
  /** Records after this position. */
  readonly after?: number;
  readonly decisionId?: string;
  /** All that are given must fit. */
  readonly tenant?: string;
  readonly code?: string;
  readonly limit: number;
}

/** All methods throw `StoreUnavailable`. */
export interface AuditStore {
  /** Appends in the given order, all or none. */
  append(records: readonly AuditRecord[]): Promise<void>;
  /** Newest last. Without `after`, the newest `limit` records. */
  read(filter: AuditFilter): Promise<readonly StoredAuditRecord[]>;
  /** Keeps the newest `keep` records; returns how many were dropped. */
  prune(keep: number): Promise<number>;
}
