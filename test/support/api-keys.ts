import type { ApiKey, ApiKeyDigest, ApiKeyId } from '../../src/api-keys/api-key.ts';
import { parseApiKeyId } from '../../src/api-keys/api-key.ts';
import { generateApiKey, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import type { ApiKeyStore } from '../../src/api-keys/api-key-store.ts';
import { tenant } from './authentication.ts';

/** A key as the store keeps it. */
export function storedKey(id: ApiKeyId, digest: ApiKeyDigest, changes: Partial<ApiKey> = {}): ApiKey {
  return {
    id,
    tenant: tenant('acme'),
    name: 'a key',
    digest,
    scopes: ['orders:read'],
    roles: [],
    origin: 'issued',
    createdAt: 1_000,
    ...changes,
  };
}

/** Issues a key and returns it as its owner holds it. */
export async function issueKey(
  store: ApiKeyStore,
  changes: Partial<ApiKey> = {},
): Promise<{ readonly id: ApiKeyId; readonly key: string }> {
  const issued = generateApiKey();
  const outcome = await store.create(storedKey(issued.id, sha256Digest(issued.key), changes));
  if (outcome !== 'created') throw new Error(outcome);
  return issued;
}

export function apiKeyId(text: string): ApiKeyId {
  const id = parseApiKeyId(text);
  if (id === undefined) throw new Error(`not a key id: ${text}`);
  return id;
}

/** A store that notes what it was asked, and can be told to wait before it answers. */
export function watchStore(store: ApiKeyStore): {
  readonly store: ApiKeyStore;
  readonly asked: string[];
  /** Awaited by each look-up after it read the store and before it answers. */
  beforeAnswer: () => Promise<void>;
} {
  const watched = {
    asked: [] as string[],
    beforeAnswer: (): Promise<void> => Promise.resolve(),
    store: {
      ...store,
      async findById(id: ApiKeyId) {
        watched.asked.push('findById');
        const found = await store.findById(id);
        await watched.beforeAnswer();
        return found;
      },
      async findByDigest(digest: ApiKeyDigest) {
        watched.asked.push(`findByDigest ${digest.algorithm}`);
        const found = await store.findByDigest(digest);
        await watched.beforeAnswer();
        return found;
      },
    },
  };
  return watched;
}
