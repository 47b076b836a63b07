import type { Clock } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { redactText } from '../telemetry/redaction.ts';
import { createAuditQueue } from './audit-queue.ts';
import type { AuditRecord } from './audit-record.ts';
import type { AuditStore } from './audit-store.ts';

export interface AuditStream {
  /** Takes a record to be written soon. Never waits and never throws; when the store is down for long, the oldest are dropped, counted and logged. */
  readonly record: (record: AuditRecord) => void;
  /** Resolves when the record is durable. Throws `StoreUnavailable`, on which the caller makes no change. */
  readonly recordNow: (record: AuditRecord) => Promise<void>;
  /** Records that wait to be written. */
  readonly queued: () => number;
  /** Writes what is queued, once more if the store is down, and stops. What cannot be written is counted as dropped. Idempotent. */
  readonly close: () => Promise<void>;
}

export interface AuditStreamOptions {
  readonly store: AuditStore;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'auditDropped' | 'gauge'>;
  readonly clock: Clock;
  /** Records that the store keeps; older ones are pruned. */
  readonly keep?: number;
  /** Records that wait at most, while the store is down. */
  readonly capacity?: number;
}

const FLUSH_MILLISECONDS = 50;
const RETRY_MILLISECONDS = 1000;
const BATCH = 500;
/** Records between two prunings, so that the store holds at most this many more than it keeps. */
const PRUNE_EVERY = 5000;
const DROP_LOG_MILLISECONDS = 10_000;

export function createAuditStream({
  store,
  log,
  metrics,
  clock,
  keep = 1_000_000,
  capacity = 20_000,
}: AuditStreamOptions): AuditStream {
  const queue = createAuditQueue(capacity);
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let isClosed = false;
  let isDown = false;
  let appendedSincePruning = 0;
  let unreportedDrops = 0;
  let dropsReportedAt = Number.NEGATIVE_INFINITY;
  metrics.gauge('audit_queue', () => queue.size());

  function schedule(milliseconds: number): void {
    if (isClosed || timer !== undefined) return;
    timer = setTimeout(() => {
      timer = undefined;
      void write();
    }, milliseconds);
    timer.unref();
  }

  function countDrops(count: number): void {
    if (count === 0) return;
    metrics.auditDropped(count);
    unreportedDrops += count;
    if (clock() - dropsReportedAt < DROP_LOG_MILLISECONDS) return;
    log.error({ dropped: unreportedDrops }, 'audit records were dropped');
    unreportedDrops = 0;
    dropsReportedAt = clock();
  }

  /** At most one write at a time, so that records keep their order. */
  async function write(): Promise<void> {
    writing ??= writeAll().finally(() => {
      writing = undefined;
      if (queue.size() > 0) schedule(isDown ? RETRY_MILLISECONDS : FLUSH_MILLISECONDS);
    });
    return writing;
  }

  async function writeAll(): Promise<void> {
    let batch = queue.take(BATCH);
    while (batch.length > 0) {
      const isWritten = await append(batch);
      if (!isWritten) return;
      batch = queue.take(BATCH);
    }
  }

  async function append(batch: readonly AuditRecord[]): Promise<boolean> {
    try {
      await store.append(batch);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) {
        // Not an outage: the same batch would fail for ever and hold up all that come after it.
        log.error({ err: error }, 'audit records cannot be written');
        countDrops(batch.length);
        return true;
      }
      if (!isDown) log.error({ err: error }, 'the audit stream waits for its store');
      isDown = true;
      countDrops(queue.putBack(batch));
      return false;
    }
    if (isDown) log.info('the audit stream writes again');
    isDown = false;
    await pruneAfter(batch.length);
    return true;
  }

  async function pruneAfter(appended: number): Promise<void> {
    appendedSincePruning += appended;
    if (appendedSincePruning < PRUNE_EVERY) return;
    appendedSincePruning = 0;
    try {
      await store.prune(keep);
    } catch (error) {
      log.warn({ err: error }, 'the audit stream could not be pruned');
    }
  }

  return {
    record(record) {
      countDrops(isClosed ? 1 : queue.push(redact(record)));
      if (queue.size() >= BATCH && !isDown) void write();
      else schedule(FLUSH_MILLISECONDS);
    },

    async recordNow(record) {
      await store.append([redact(record)]);
      await pruneAfter(1);
    },

    queued: () => queue.size(),

    async close() {
      if (isClosed) return;
      isClosed = true;
      clearTimeout(timer);
      await writing;
      await write();
      countDrops(queue.take(capacity).length);
    },
  };
}

/** What clients and administrators write may hold a credential in the wrong place: a key in a path, or given as its id. */
function redact(record: AuditRecord): AuditRecord {
  const { path, reason, credential } = record;
  return {
    ...record,
    ...(path !== undefined && { path: redactText(path) }),
    ...(reason !== undefined && { reason: redactText(reason) }),
    ...(credential !== undefined && { credential: redactText(credential) }),
  };
}
