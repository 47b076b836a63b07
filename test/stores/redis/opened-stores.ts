import pino, { type Logger } from 'pino';
import { afterEach } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Change } from '../../../src/stores/change-feed.ts';
import { openRedisStore, type RedisStores } from '../../../src/stores/redis/redis-store.ts';
import type { RedisSettings } from '../../../src/stores/redis/settings.ts';

/** Lines of a log at trace level. */
export function recordedLog(): { readonly log: Logger; readonly lines: readonly string[] } {
  const lines: string[] = [];
  return { log: pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) }), lines };
}

/** Opens stores that are closed after the test. */
export function useOpenStores(): (settings: RedisSettings, log?: Logger) => Promise<RedisStores> {
  const opened: RedisStores[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((stores) => stores.close()));
  });
  return async (settings, log = pino({ level: 'silent' })) => {
    const stores = await openRedisStore({ settings, clock: systemClock, log });
    opened.push(stores);
    return stores;
  };
}

/** Ids of keys, `kind` of anything else, as they are told. */
export function recordNames(stores: RedisStores): readonly string[] {
  const names: string[] = [];
  stores.changes.subscribe((change) => names.push(nameOf(change)));
  return names;
}

function nameOf(change: Change): string {
  return change.kind === 'apiKeyChanged' || change.kind === 'tenantChanged' ? change.id : change.kind;
}

/** Milliseconds since this process surely knew everything. */
export function lagOf(stores: RedisStores): number {
  return stores.changes.lag(systemClock());
}
