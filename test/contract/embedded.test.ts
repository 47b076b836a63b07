import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { apiKeyStoreContract } from './api-keys.contract.ts';
import { attemptStoreContract } from './attempts.contract.ts';
import { auditStoreContract } from './audit.contract.ts';
import { changeFeedContract } from './change-feed.contract.ts';
import { clientStoreContract } from './clients.contract.ts';
import { keyringStoreContract } from './keyring.contract.ts';
import { lifecycleContract } from './lifecycle.contract.ts';
import { replayStoreContract } from './replays.contract.ts';
import { replicaRegistryContract } from './replicas.contract.ts';
import { revocationStoreContract } from './revocations.contract.ts';
import { sessionStoreContract } from './sessions.contract.ts';
import type { StoreAdapter } from './store-adapter.ts';
import { tenantStoreContract } from './tenants.contract.ts';
import { tokenStoreContract } from './tokens.contract.ts';
import { usageStoreContract } from './usages.contract.ts';

/** The contract throws in listeners on purpose. */
const onListenerError = (): void => {};

const inMemory: StoreAdapter = {
  name: 'SQLite in memory',
  open: async () => openEmbeddedStore({ path: ':memory:', clock: systemClock, onListenerError }),
  close: (stores) => stores.close(),
};

const folders = new Map<Stores, string>();

const inFile: StoreAdapter = {
  name: 'SQLite in a file',
  async open() {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-store-'));
    const stores = openEmbeddedStore({
      path: path.join(folder, 'gatehouse.db'),
      clock: systemClock,
      onListenerError,
    });
    folders.set(stores, folder);
    return stores;
  },
  async close(stores) {
    await stores.close();
    const folder = folders.get(stores);
    if (folder !== undefined) rmSync(folder, { recursive: true });
    folders.delete(stores);
  },
};

for (const adapter of [inMemory, inFile]) {
  tenantStoreContract(adapter);
  apiKeyStoreContract(adapter);
  revocationStoreContract(adapter);
  replayStoreContract(adapter);
  replicaRegistryContract(adapter);
  keyringStoreContract(adapter);
  clientStoreContract(adapter);
  attemptStoreContract(adapter);
  usageStoreContract(adapter);
  sessionStoreContract(adapter);
  tokenStoreContract(adapter);
  auditStoreContract(adapter);
  changeFeedContract(adapter);
  lifecycleContract(adapter);
}
