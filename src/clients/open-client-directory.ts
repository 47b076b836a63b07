import type { Logger } from 'pino';
import type { Settings } from '../config/schema/config.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { Client, ClientId } from './client.ts';
import type { ClientDirectory } from './client-directory.ts';
import type { ClientStore } from './client-store.ts';

interface Snapshot {
  /** Sorted by id. */
  readonly clients: readonly Client[];
  readonly byId: ReadonlyMap<ClientId, Client>;
  readonly origins: ReadonlySet<string>;
}

const RETRY_MILLISECONDS = 1_000;

/**
 * Reads the store once and follows it. While the store cannot be read after a change, the last snapshot stays and the
 * read is tried again with the next change or after `RETRY_MILLISECONDS`. Throws `StoreUnavailable` if the first read fails.
 */
export async function openClientDirectory(options: {
  readonly settings: Pick<Settings, 'clients' | 'tokens'>;
  readonly store: Pick<ClientStore, 'list'>;
  readonly changes: Pick<ChangeFeed, 'subscribe'>;
  readonly log: Logger;
}): Promise<ClientDirectory> {
  const { store, log } = options;
  const configured = configuredClients(options.settings);
  let snapshot = createSnapshot(configured, []);
  let isStale = true;
  let isReading = false;
  let isClosed = false;
  let retry: NodeJS.Timeout | undefined;

  /** One read at a time; what changes during a read causes another. */
  async function readWhileStale(): Promise<void> {
    isReading = true;
    try {
      while (isStale) {
        isStale = false;
        const stored = await store.list();
        tellHidden(configured, stored, log);
        snapshot = createSnapshot(configured, stored);
      }
    } catch (error) {
      isStale = true;
      throw error;
    } finally {
      isReading = false;
    }
  }

  async function refresh(): Promise<void> {
    if (isReading || isClosed) return;
    clearTimeout(retry);
    try {
      await readWhileStale();
    } catch (error) {
      if (isClosed) return;
      log.error({ err: error }, 'clients could not be read from the store; the last known ones stay in use');
      retry = setTimeout(() => void refresh(), RETRY_MILLISECONDS).unref();
    }
  }

  const unsubscribe = options.changes.subscribe((change) => {
    if (change.kind !== 'clientChanged' && change.kind !== 'resynchronise') return;
    isStale = true;
    void refresh();
  });
  try {
    await readWhileStale();
  } catch (error) {
    isClosed = true;
    unsubscribe();
    throw error;
  }

  return {
    find: (id) => snapshot.byId.get(id),
    list: () => snapshot.clients,
    isListedOrigin: (origin) => snapshot.origins.has(origin),
    isCurrent: () => !isStale && !isReading,
    close() {
      isClosed = true;
      unsubscribe();
      clearTimeout(retry);
    },
  };
}

/** Clients as the configuration describes them. */
export function configuredClients({
  clients,
  tokens,
}: Pick<Settings, 'clients' | 'tokens'>): readonly Client[] {
  return Object.entries(clients).map(([id, client]) => ({
    id: id as ClientId,
    name: client.name ?? id,
    origin: 'configured',
    isPublic: client.public === true,
    secrets: client.secretDigest === undefined ? [] : [{ hex: client.secretDigest }],
    grants: client.grants,
    scopes: client.scopes,
    tenants: client.tenants,
    ...(client.login !== undefined && { login: client.login }),
    browserSession: client.browserSession,
    origins: client.origins,
    accessTokenFormat: client.accessTokens ?? tokens.format,
    createdAt: 0,
    revision: 0,
  }));
}

/** Configured clients win over stored ones of the same id. */
function createSnapshot(configured: readonly Client[], stored: readonly Client[]): Snapshot {
  const byId = new Map([...stored, ...configured].map((client) => [client.id, client]));
  const clients = [...byId.values()].toSorted((one, other) => (one.id < other.id ? -1 : 1));
  return { clients, byId, origins: new Set(clients.flatMap(({ origins }) => origins)) };
}

function tellHidden(configured: readonly Client[], stored: readonly Client[], log: Logger): void {
  const ids = new Set(configured.map(({ id }) => id));
  for (const { id } of stored)
    if (ids.has(id))
      log.error({ client: id }, 'a stored client has the id of a configured one and is left out');
}
