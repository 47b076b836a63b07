import { type ApiKey, type ApiKeyId, parseApiKeyId } from '../api-keys/api-key.ts';
import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import { createConfiguredKeys } from '../authentication/configured-keys.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { ApiKeySettings } from '../config/schema/config.ts';
import type { Principal } from '../principals/principal.ts';
import type { LiveConnection } from './live-connections.ts';

export interface LiveKeyParts {
  readonly apiKeys: ApiKeyStore;
  readonly configured: ApiKeySettings['keys'];
  readonly close: (connection: LiveConnection, detail: string) => void;
  /** The key now expires at another time than was known; infinite if nothing of the connection expires. */
  readonly expires: (connection: LiveConnection, at: EpochMilliseconds) => void;
}

/** Ids of the API keys that a connection was admitted with. */
export function keyIdsOf({ principals }: LiveConnection): readonly ApiKeyId[] {
  return principals.flatMap((principal) => keyIdOf(principal) ?? []);
}

function keyIdOf({ method, clientId }: Principal): ApiKeyId | undefined {
  return method === 'apiKey' && clientId !== undefined ? parseApiKeyId(clientId) : undefined;
}

/** Asks again for these keys of open connections. Throws `StoreUnavailable`; what was found out by then is done. */
export async function checkLiveKeys(
  ids: ReadonlySet<ApiKeyId> | 'all',
  connections: Iterable<LiveConnection>,
  parts: LiveKeyParts,
): Promise<void> {
  const configured = createConfiguredKeys(parts.configured);
  for (const [id, users] of usersOfKeys(ids, connections)) {
    const key = configured.findById(id) ?? (await parts.apiKeys.findById(id));
    for (const [connection, principal] of users) {
      const fault = faultOf(key, principal);
      if (fault !== undefined) parts.close(connection, `API key ${id} ${fault}`);
      else parts.expires(connection, expiryOf(connection, principal, key));
    }
  }
}

type Users = readonly (readonly [LiveConnection, Principal])[];

function usersOfKeys(
  ids: ReadonlySet<ApiKeyId> | 'all',
  connections: Iterable<LiveConnection>,
): ReadonlyMap<ApiKeyId, Users> {
  const users = new Map<ApiKeyId, [LiveConnection, Principal][]>();
  for (const connection of connections) {
    for (const principal of connection.principals) {
      const id = keyIdOf(principal);
      if (id === undefined || (ids !== 'all' && !ids.has(id))) continue;
      const known = users.get(id);
      if (known === undefined) users.set(id, [[connection, principal]]);
      else known.push([connection, principal]);
    }
  }
  return users;
}

function faultOf(key: ApiKey | undefined, principal: Principal): string | undefined {
  if (key === undefined) return 'is gone';
  if (key.revokedAt !== undefined) return 'is revoked';
  const isSame =
    principal.tenants.includes(key.tenant) &&
    isSameSet(principal.scopes, key.scopes) &&
    isSameSet(principal.roles, key.roles);
  return isSame ? undefined : 'was changed';
}

function isSameSet(one: ReadonlySet<string>, other: readonly string[]): boolean {
  return new Set(other).size === one.size && other.every((each) => one.has(each));
}

/** The key's expiry as it is now, and those of other credentials as they were. */
function expiryOf(
  { principals }: LiveConnection,
  principal: Principal,
  key: ApiKey | undefined,
): EpochMilliseconds {
  const times = principals.map((each) => (each === principal ? key?.expiresAt : each.expiresAt));
  return Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
}
