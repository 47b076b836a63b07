import { afterEach, beforeEach } from 'vitest';
import type { Change } from '../../src/stores/change-feed.ts';
import type { Stores } from '../../src/stores/stores.ts';

/** One way to open the ports. Every suite of this folder takes one, and must pass for each. */
export interface StoreAdapter {
  readonly name: string;
  /** An empty store on the system's clock. */
  open(): Promise<Stores>;
  /** Closes the store and removes what it left behind. */
  close(stores: Stores): Promise<void>;
}

/** An empty store for each test of the suite. */
export function useStores(adapter: StoreAdapter): () => Stores {
  let opened: Stores | undefined;
  beforeEach(async () => {
    opened = await adapter.open();
  });
  afterEach(async () => {
    if (opened !== undefined) await adapter.close(opened);
    opened = undefined;
  });
  return () => {
    if (opened === undefined) throw new Error('The store is open during a test only.');
    return opened;
  };
}

/** What the change feed tells from now on. */
export function recordChanges(stores: Stores): readonly Change[] {
  const changes: Change[] = [];
  stores.changes.subscribe((change) => changes.push(change));
  return changes;
}

/** Calls `act` for 0 to `count` - 1, none waiting for another. */
export function race<T>(count: number, act: (index: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => act(index)));
}
