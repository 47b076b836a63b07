import pino from 'pino';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { ok } from '../../src/base/result.ts';
import type { Client } from '../../src/clients/client.ts';
import type { ClientDirectory } from '../../src/clients/client-directory.ts';
import type { ClientStore } from '../../src/clients/client-store.ts';
import { configuredClients, openClientDirectory } from '../../src/clients/open-client-directory.ts';
import { configSchema } from '../../src/config/schema/config.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { aClient, clientId } from '../contract/fixtures.ts';

const web = clientId('web');
const DIGEST = 'ab'.repeat(32);

/** Settings as a configuration with these members gives them. */
function settingsOf(members: Record<string, unknown>) {
  return configSchema((text) => ok(text)).parse({
    upstreams: { orders: { targets: ['http://orders:8080'] } },
    routes: [{ id: 'a', match: { path: '/a' }, public: true, upstream: 'orders' }],
    ...members,
  });
}

let stores: Stores;
let lines: string[];
let directory: ClientDirectory | undefined;

beforeEach(() => {
  stores = openEmbeddedStore({ path: ':memory:', clock: systemClock });
  lines = [];
  return async () => {
    directory?.close();
    directory = undefined;
    await stores.close();
  };
});

async function open(
  clients: Record<string, unknown> = {},
  store: Pick<ClientStore, 'list'> = stores.clients,
): Promise<ClientDirectory> {
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  directory = await openClientDirectory({
    settings: settingsOf({ clients }),
    store,
    changes: stores.changes,
    log,
  });
  return directory;
}

async function current(opened: ClientDirectory): Promise<void> {
  await vi.waitFor(() => expect(opened.isCurrent()).toBe(true));
}

/** The store's list, which waits for `release` each time and can be made to fail. */
function heldList() {
  const waiting: (() => void)[] = [];
  let isFailing = false;
  return {
    store: {
      async list(): Promise<readonly Client[]> {
        const found = await stores.clients.list();
        await new Promise<void>((resolve) => waiting.push(resolve));
        if (isFailing) throw new StoreUnavailable('The store is gone.');
        return found;
      },
    },
    waiting,
    fail: (isSo: boolean) => {
      isFailing = isSo;
    },
    async release() {
      await vi.waitFor(() => expect(waiting.length).toBeGreaterThan(0));
      waiting.shift()?.();
    },
  };
}

describe('clients of the configuration', () => {
  it('have what the file says, with its defaults', () => {
    const clients = {
      erp: {
        secretDigest: `sha256:${DIGEST}`,
        tenants: ['acme'],
        grants: ['client_credentials'],
        scopes: ['a'],
      },
      web: {
        name: 'The shop',
        public: true,
        tenants: 'any',
        login: 'shop',
        browserSession: true,
        origins: ['https://app.example'],
        accessTokens: 'opaque',
      },
    };
    const common = { origin: 'configured', createdAt: 0, revision: 0 };
    expect(configuredClients(settingsOf({ clients, tokens: { format: 'jwt' } }))).toStrictEqual([
      {
        ...common,
        id: 'erp',
        name: 'erp',
        isPublic: false,
        secrets: [{ hex: DIGEST }],
        grants: ['client_credentials'],
        scopes: ['a'],
        tenants: ['acme'],
        browserSession: false,
        origins: [],
        accessTokenFormat: 'jwt',
      },
      {
        ...common,
        id: 'web',
        name: 'The shop',
        isPublic: true,
        secrets: [],
        grants: [],
        scopes: [],
        tenants: 'any',
        login: 'shop',
        browserSession: true,
        origins: ['https://app.example'],
        accessTokenFormat: 'opaque',
      },
    ]);
  });

  it('win over stored ones of the same id, which is logged', async () => {
    await stores.clients.create(aClient('web', { origins: ['https://stored.example'] }));
    await stores.clients.create(aClient('a'));
    const opened = await open({ web: { public: true, tenants: 'any', origins: ['https://app.example'] } });
    expect(opened.list().map(({ id, origin }) => [id, origin])).toEqual([
      ['a', 'stored'],
      ['web', 'configured'],
    ]);
    expect(opened.find(web)?.origin).toBe('configured');
    expect(opened.isListedOrigin('https://app.example')).toBe(true);
    expect(opened.isListedOrigin('https://stored.example')).toBe(false);
    expect(lines.join('')).toContain('"client":"web","msg":"a stored client has the id of a configured one');
    await stores.clients.remove(web);
    await current(opened);
    expect(opened.find(web)?.origin).toBe('configured');
  });
});

describe('stored clients', () => {
  it('are followed: created, replaced and removed', async () => {
    const opened = await open();
    expect(opened.find(web)).toBeUndefined();
    await stores.clients.create(aClient('web', { origins: ['https://app.example'] }));
    await current(opened);
    expect(opened.find(web)).toEqual(aClient('web', { origins: ['https://app.example'] }));
    expect(opened.isListedOrigin('https://app.example')).toBe(true);
    await stores.clients.replace(aClient('web', { name: 'Next', revision: 2 }), 1);
    await current(opened);
    expect(opened.find(web)?.name).toBe('Next');
    expect(opened.isListedOrigin('https://app.example')).toBe(false);
    await stores.clients.remove(web);
    await current(opened);
    expect(opened.find(web)).toBeUndefined();
    expect(opened.list()).toEqual([]);
  });

  it('are not current from the moment of the change until it was read', async () => {
    const opened = await open();
    const seen: boolean[] = [];
    stores.changes.subscribe(() => seen.push(opened.isCurrent()));
    await stores.clients.create(aClient('web'));
    expect(seen).toEqual([false]);
    await current(opened);
  });

  it('are read again when they change during a read, the first one too', async () => {
    const held = heldList();
    const opening = open({}, held.store);
    await vi.waitFor(() => expect(held.waiting).toHaveLength(1));
    await stores.clients.create(aClient('web'));
    await held.release();
    await held.release();
    const opened = await opening;
    expect(opened.find(web)).toBeDefined();

    await stores.clients.replace(aClient('web', { name: 'Second', revision: 2 }), 1);
    await vi.waitFor(() => expect(held.waiting).toHaveLength(1));
    await stores.clients.replace(aClient('web', { name: 'Third', revision: 3 }), 2);
    await held.release();
    expect(opened.isCurrent()).toBe(false);
    await held.release();
    await current(opened);
    expect(opened.find(web)?.name).toBe('Third');
    expect(held.waiting).toEqual([]);
  });

  it('stay the last known ones while the store cannot be read, until it can', async () => {
    const held = heldList();
    await stores.clients.create(aClient('web'));
    const opening = open({}, held.store);
    await held.release();
    const opened = await opening;
    held.fail(true);
    await stores.clients.remove(web);
    await held.release();
    await vi.waitFor(() => expect(lines.join('')).toContain('clients could not be read from the store'));
    expect(opened.find(web)).toBeDefined();
    expect(opened.isCurrent()).toBe(false);
    held.fail(false);
    await vi.waitFor(() => expect(held.waiting).toHaveLength(1), 3000);
    await held.release();
    await current(opened);
    expect(opened.find(web)).toBeUndefined();
  });

  it('that cannot be read at first are an outage, and nothing is followed', async () => {
    const held = heldList();
    held.fail(true);
    const opening = open({}, held.store);
    const outcome = expect(opening).rejects.toThrow(StoreUnavailable);
    await held.release();
    await outcome;
    await stores.clients.create(aClient('web'));
    expect(held.waiting).toEqual([]);
  });

  it('are followed no more once it is closed', async () => {
    const held = heldList();
    const opening = open({}, held.store);
    await held.release();
    const opened = await opening;
    opened.close();
    await stores.clients.create(aClient('web'));
    expect(held.waiting).toEqual([]);
    expect(opened.find(web)).toBeUndefined();
  });
});
