import type { Clock } from '../../base/clock.ts';
import type { Stores } from '../stores.ts';
import { createApiKeyStore } from './api-keys.ts';
import { createAttemptStore } from './attempts.ts';
import { createAuditStore } from './audit.ts';
import { createChangeFeed } from './change-feed.ts';
import { createClientStore } from './clients.ts';
import { openConnection } from './connection.ts';
import { createDatabase } from './database.ts';
import { createKeyringStore } from './keyrings.ts';
import { createReplayStore } from './replays.ts';
import { createReplicaRegistry } from './replicas.ts';
import { createRevocationStore } from './revocations.ts';
import { createSessionStore } from './sessions.ts';
import { createTenantStore } from './tenants.ts';
import { createTokenStore } from './tokens.ts';
import { createUsageStore } from './usages.ts';

export interface EmbeddedStoreOptions {
  /** A file, made (mode 0600) with its folder if it is not there, or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  /** Told what a listener of the change feed threw. Without it, a process warning. */
  readonly onListenerError?: (error: unknown) => void;
}

/**
 * The store within this process: SQLite, one process per file. Throws `StoreUnavailable`, with a sentence for the operator,
 * when the file is in use by another process, damaged, of a newer schema or not accessible.
 */
export function openEmbeddedStore(options: EmbeddedStoreOptions): Stores {
  const changes = createChangeFeed(options.onListenerError ?? warn);
  const database = createDatabase(openConnection(options.path), (made) => changes.publish(made));
  const anything = database.prepare('SELECT count(*) FROM sqlite_schema');
  return {
    tenants: createTenantStore(database),
    apiKeys: createApiKeyStore(database),
    revocations: createRevocationStore(database, options.clock),
    keyring: createKeyringStore(database),
    replays: createReplayStore(database),
    clients: createClientStore(database),
    attempts: createAttemptStore(database),
    usages: createUsageStore(options.clock),
    sessions: createSessionStore(database),
    tokens: createTokenStore(database),
    audit: createAuditStore(database),
    changes: { subscribe: (listener) => changes.subscribe(listener), lag: (now) => changes.lag(now) },
    replicas: createReplicaRegistry(database, options.clock),
    async ping() {
      await database.read(() => anything.get());
    },
    close: () => database.close(),
  };
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error), { type: 'ChangeListenerError' });
}
