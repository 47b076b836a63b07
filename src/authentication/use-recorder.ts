import type { Logger } from 'pino';
import type { ApiKeyId } from '../api-keys/api-key.ts';
import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import type { EpochMilliseconds } from '../base/clock.ts';

/** Last uses of API keys, kept in memory and written back in batches: no write per request. */
export interface UseRecorder {
  record(id: ApiKeyId, at: EpochMilliseconds): void;
  /** Writes what there is and ends. Never rejects. */
  close(): Promise<void>;
}

/** More keys than this in one interval: the rest are recorded at their next use. */
const MAX_PENDING = 100_000;

export function createUseRecorder(
  store: Pick<ApiKeyStore, 'recordUses'>,
  everyMilliseconds: number,
  log: Logger,
): UseRecorder {
  let pending = new Map<ApiKeyId, EpochMilliseconds>();
  let flushing: Promise<void> | undefined;

  function record(id: ApiKeyId, at: EpochMilliseconds): void {
    const earlier = pending.get(id);
    if (earlier === undefined ? pending.size < MAX_PENDING : at > earlier) pending.set(id, at);
  }

  function flush(): Promise<void> {
    flushing ??= writeBatch().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  async function writeBatch(): Promise<void> {
    if (pending.size === 0) return;
    const batch = pending;
    pending = new Map();
    try {
      await store.recordUses(batch);
    } catch (error) {
      log.warn({ err: error, uses: batch.size }, 'last uses of API keys could not be written; they are kept');
      for (const [id, at] of batch) record(id, at);
    }
  }

  const timer = setInterval(() => void flush(), Math.max(everyMilliseconds, 1));
  timer.unref();

  return {
    record,
    async close() {
      clearInterval(timer);
      await flushing;
      await flush();
    },
  };
}
