import type { Logger } from 'pino';
import type { Clock } from '../../base/clock.ts';
import { createChangeListeners } from '../listeners.ts';
import type { Stores } from '../stores.ts';
import { createApiKeyStore } from './api-keys.ts';
import { createAttemptStore } from './attempts.ts';
import { createAuditStore } from './audit.ts';
import { BLOCK_MILLISECONDS, openChangeReader } from './change-reader.ts';
import { createClientStore } from './clients.ts';
import { openConnection, type RedisConnection } from './connection.ts';
import { createDatabase } from './database.ts';
import { createKeyringStore } from './keyrings.ts';
import { createRedisKeys } from './keys.ts';
import { createReplayStore } from './replays.ts';
import { createReplicaRegistry } from './replicas.ts';
import { createRevocationStore } from './revocations.ts';
import { checkServer, type RedisServerStatus } from './server-check.ts';
import { createSessionStore } from './sessions.ts';
import { describeServer, type RedisSettings } from './settings.ts';
import { createTenantStore } from './tenants.ts';
import { createTokenStore } from './tokens.ts';
import { createUsageStore } from './usages.ts';

export interface RedisStoreOptions {
  readonly settings: RedisSettings;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told what a listener of the change feed threw. Without it, an error in the log. */
  readonly onListenerError?: (error: unknown) => void;
}

export interface RedisStores extends Stores {
  readonly server: RedisServerStatus;
}

/**
 * The store that many gateways share. Throws `StoreUnavailable`, with a sentence for the operator, when the server cannot
 * be reached, is too old, or may evict; RangeError for settings that are none. Later outages mend themselves.
 */
export async function openRedisStore(options: RedisStoreOptions): Promise<RedisStores> {
  const { settings, clock, log } = options;
  const keys = createRedisKeys(settings.keyPrefix);
  const listeners = createChangeListeners(
    options.onListenerError ?? ((error) => log.error({ err: error }, 'a listener of the change feed failed')),
  );
  const answerWithin = settings.commandTimeout;
  const opened: RedisConnection[] = [];

  async function open(milliseconds: number): Promise<RedisConnection> {
    const connection = await openConnection({ settings, answerWithin: milliseconds, log });
    opened.push(connection);
    return connection;
  }

  try {
    const connection = await open(answerWithin);
    const server = await checkServer(connection, {
      place: describeServer(settings.server),
      isFailedOver: settings.server.kind === 'sentinel',
      log,
    });
    const readerConnection = await open(BLOCK_MILLISECONDS + answerWithin);
    const reader = await openChangeReader({ connection: readerConnection, keys, listeners, clock, log });
    const database = createDatabase({ connection, reader, keys, patience: answerWithin, log });
    return {
      tenants: createTenantStore(database),
      apiKeys: createApiKeyStore(database),
      revocations: createRevocationStore(database, clock),
      keyring: createKeyringStore(database),
      replays: createReplayStore(database),
      clients: createClientStore(database),
      attempts: createAttemptStore(database),
      usages: createUsageStore(database),
      sessions: createSessionStore(database),
      tokens: createTokenStore(database, clock),
      audit: createAuditStore(database),
      changes: { subscribe: listeners.subscribe, lag: (now) => reader.lag(now) },
      replicas: createReplicaRegistry(database),
      server,
      async ping() {
        await database.confirmEpoch();
      },
      async close() {
        await database.close();
        await reader.close();
        connection.close();
      },
    };
  } catch (error) {
    for (const connection of opened) connection.close();
    throw error;
  }
}
