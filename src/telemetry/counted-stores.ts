import { StoreUnavailable } from '../base/outage.ts';
import type { Stores } from '../stores/stores.ts';
import type { Metrics } from './metrics.ts';

/** The same stores, each outage counted under port and operation. */
export function countStoreErrors(stores: Stores, metrics: Pick<Metrics, 'storeError'>): Stores {
  return {
    tenants: countPort(stores.tenants, 'tenants', metrics),
    apiKeys: countPort(stores.apiKeys, 'apiKeys', metrics),
    revocations: countPort(stores.revocations, 'revocations', metrics),
    keyring: countPort(stores.keyring, 'keyring', metrics),
    replays: countPort(stores.replays, 'replays', metrics),
    clients: countPort(stores.clients, 'clients', metrics),
    attempts: countPort(stores.attempts, 'attempts', metrics),
    usages: countPort(stores.usages, 'usages', metrics),
    sessions: countPort(stores.sessions, 'sessions', metrics),
    tokens: countPort(stores.tokens, 'tokens', metrics),
    audit: countPort(stores.audit, 'audit', metrics),
    changes: stores.changes,
    replicas: countPort(stores.replicas, 'replicas', metrics),
    ping: countOutages(() => stores.ping(), 'store', 'ping', metrics),
    close: () => stores.close(),
  };
}

type Operation = (...parameters: readonly unknown[]) => Promise<unknown>;

/** Every member of a port is an operation that returns a promise. */
function countPort<T extends object>(port: T, name: string, metrics: Pick<Metrics, 'storeError'>): T {
  const operations = Object.entries(port) as [string, Operation][];
  return Object.fromEntries(
    operations.map(([operation, run]) => [
      operation,
      countOutages((...parameters) => run.apply(port, [...parameters]), name, operation, metrics),
    ]),
  ) as T;
}

function countOutages<P extends readonly unknown[], R>(
  run: (...parameters: P) => Promise<R>,
  store: string,
  operation: string,
  metrics: Pick<Metrics, 'storeError'>,
): (...parameters: P) => Promise<R> {
  return async (...parameters) => {
    try {
      return await run(...parameters);
    } catch (error) {
      if (error instanceof StoreUnavailable) metrics.storeError(store, operation);
      throw error;
    }
  };
}
