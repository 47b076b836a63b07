import type { Client, ClientId } from './client.ts';

/**
 * Clients that administrators made at run time. All methods throw `StoreUnavailable` when they cannot know or could not
 * make the change durable. Every change is announced as `clientChanged` in the same atomic step.
 */
export interface ClientStore {
  /** `clash`: there is a client with this id. `client.revision` is 1. */
  create(client: Client): Promise<'created' | 'clash'>;
  find(id: ClientId): Promise<Client | undefined>;
  /** All of them, sorted by id. */
  list(): Promise<readonly Client[]>;
  /** Writes `client`, whose revision is one more than `expectedRevision`. */
  replace(client: Client, expectedRevision: number): Promise<'replaced' | 'stale' | 'absent'>;
  /** True if there was one; with `revision`, only one of that revision is removed. */
  remove(id: ClientId, revision?: number): Promise<boolean>;
}
