import type { ApiKey, ApiKeyDigest, ApiKeyId } from '../api-keys/api-key.ts';
import type { ApiKeySettings } from '../config/schema/config.ts';

/** The keys of the configuration, found as those of the store are. */
export interface ConfiguredKeys {
  findById(id: ApiKeyId): ApiKey | undefined;
  findByDigest(digest: ApiKeyDigest): ApiKey | undefined;
}

/** When a configured key was made is not known: it counts as made at the beginning of time. */
const BEGINNING = 0;

/** The configured keys, described as any other key is. */
export function listConfiguredKeys(settings: ApiKeySettings['keys']): readonly ApiKey[] {
  return settings.map(({ expires, owner, ...members }) => ({
    ...members,
    ...(owner !== undefined && { owner }),
    origin: 'configured',
    createdAt: BEGINNING,
    ...(expires !== undefined && { expiresAt: expires }),
  }));
}

export function createConfiguredKeys(settings: ApiKeySettings['keys']): ConfiguredKeys {
  const byId = new Map<ApiKeyId, ApiKey>();
  const byDigest: Readonly<Record<ApiKeyDigest['algorithm'], Map<string, ApiKey>>> = {
    sha256: new Map(),
    'hmac-sha256': new Map(),
  };
  for (const key of listConfiguredKeys(settings)) {
    byId.set(key.id, key);
    byDigest[key.digest.algorithm].set(key.digest.hex, key);
  }
  return {
    findById: (id) => byId.get(id),
    findByDigest: (digest) => byDigest[digest.algorithm].get(digest.hex),
  };
}
