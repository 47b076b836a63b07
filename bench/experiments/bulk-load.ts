import { hash } from 'node:crypto';
import type { ApiKey, ApiKeyId } from '../../src/api-keys/api-key.ts';
import { apiKeyIdFor, generateApiKey, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import type { Revocation } from '../../src/revocation/revocation.ts';
import { newSession } from '../../src/sessions/new-session.ts';
import { sealJar } from '../../src/sessions/sealed-jar.ts';
import type { BegunSession } from '../../src/sessions/session-service.ts';
import type { SessionStore } from '../../src/sessions/session-store.ts';
import { createApiKeyStore } from '../../src/stores/redis/api-keys.ts';
import type { RedisDatabase, Write } from '../../src/stores/redis/database.ts';
import { createRedisKeys } from '../../src/stores/redis/keys.ts';
import { createRevocationStore } from '../../src/stores/redis/revocations.ts';
import { createSessionStore } from '../../src/stores/redis/sessions.ts';
import { createTenantStore } from '../../src/stores/redis/tenants.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { PUBLIC_HOST } from '../load/request.ts';
import { BENCH_KEY, loginOf } from '../targets/user-session.ts';
import type { RedisServer } from './redis-server.ts';

export const TENANT = 'acme' as TenantId;
export const ISSUER = 'login';
const WRITTEN_AT_ONCE = 1000;
/** All that is revoked here expires tomorrow. */
const LIFE_MILLISECONDS = 86_400_000;
/** Users whose sessions are presented are none of the many. */
const KNOWN_USERS = 1_000_000_000;

/** Must be empty. */
type LoadedServer = Pick<RedisServer, 'client' | 'settings'>;

export interface KnownKey {
  readonly id: ApiKeyId;
  readonly key: string;
}

/** New keys whose text is known, so that they can be presented. */
export async function loadKnownKeys(
  server: LoadedServer,
  count: number,
  tenantOf: (index: number) => TenantId = () => TENANT,
): Promise<readonly KnownKey[]> {
  const known = Array.from({ length: count }, () => generateApiKey());
  const store = openBulkStore(server);
  for (const [index, { id, key }] of known.entries())
    await store.apiKeys.create({ ...apiKey(id, sha256Digest(key).hex), tenant: tenantOf(index) });
  await store.flush();
  return known;
}

/** So many keys, which nobody can present, and as many revocations of single tokens. */
export async function loadMany(server: LoadedServer, count: number): Promise<void> {
  const store = openBulkStore(server);
  const now = Date.now();
  for (let at = 0; at < count; at += 1) {
    await store.apiKeys.create(apiKey(apiKeyIdFor(`key ${at}`), hash('sha256', `key ${at}`)));
    await store.revocations.add(tokenRevocation(at, now));
  }
  await store.flush();
}

export async function loadTenants(
  server: LoadedServer,
  count: number,
  idOf: (serial: number) => TenantId,
): Promise<void> {
  const store = openBulkStore(server);
  for (let serial = 0; serial < count; serial += 1) {
    const id = idOf(serial);
    const tenant = {
      id,
      name: `Customer ${serial}`,
      status: 'active',
      hosts: [`www.${id}.example`],
      issuers: [],
    } as const;
    await store.tenants.create(tenant, Date.now());
  }
  await store.flush();
}

/** Sessions that can be presented: values of their cookies. */
export async function loadKnownSessions(server: LoadedServer, count: number): Promise<readonly string[]> {
  const store = openBulkStore(server);
  const cookies: string[] = [];
  for (let serial = 0; serial < count; serial += 1) {
    const { cookie } = await loadSession(store.sessions, KNOWN_USERS + serial);
    if (cookie !== undefined) cookies.push(cookie.reveal());
  }
  await store.flush();
  return cookies;
}

/** So many sessions of as many users, each with what its login kept. */
export async function loadManySessions(server: LoadedServer, count: number): Promise<void> {
  const store = openBulkStore(server);
  for (let serial = 0; serial < count; serial += 1) await loadSession(store.sessions, serial);
  await store.flush();
}

async function loadSession(sessions: SessionStore, serial: number): Promise<BegunSession> {
  const login = loginOf(serial, TENANT, PUBLIC_HOST);
  const begun = newSession(login, Date.now());
  await sessions.create(begun.session, sealJar(login.jar, begun.session, 1, BENCH_KEY.keys));
  return begun;
}

function apiKey(id: ApiKeyId, hex: string): ApiKey {
  return {
    id,
    tenant: TENANT,
    name: 'Orders sync',
    digest: { algorithm: 'sha256', hex },
    scopes: ['orders:read', 'orders:write'],
    roles: ['clerk'],
    origin: 'issued',
    createdAt: Date.now(),
  };
}

function tokenRevocation(serial: number, now: number): Revocation {
  return {
    target: { kind: 'token', issuer: ISSUER, jti: hash('sha256', `token ${serial}`).slice(0, 32) },
    expiresAt: now + LIFE_MILLISECONDS,
    revokedAt: now,
    revokedBy: 'admin:bench',
  };
}

function unused(): Promise<never> {
  return Promise.reject(new Error('only what decides can be loaded in bulk'));
}

/**
 * The ports of the product on a database that believes every record to be new, gathers what they write, and announces
 * nothing: for a server that no gateway follows yet.
 */
function openBulkStore({ client, settings }: LoadedServer) {
  const keys = createRedisKeys(settings.keyPrefix);
  /** By command and key: each takes any number of fields or members. */
  const gathered = new Map<string, string[]>();
  let records = 0;

  async function flush(): Promise<void> {
    const commands = [...gathered.values()];
    gathered.clear();
    records = 0;
    await Promise.all(commands.map(([command = '', ...args]) => client.call(command, ...args)));
  }

  function gather([command, key, ...args]: Write): void {
    const name = `${command} ${key}`;
    const words = gathered.get(name) ?? [command, key];
    gathered.set(name, words);
    words.push(...args.map(String));
  }

  const decide: RedisDatabase['decide'] = async (fields, decision) => {
    const { answer, writes } = decision(fields.map(() => undefined));
    for (const write of writes) gather(write);
    records += 1;
    if (records >= WRITTEN_AT_ONCE) await flush();
    return answer;
  };
  const database: RedisDatabase = {
    keys,
    decide,
    ask: unused,
    run: unused,
    runChange: unused,
    confirmEpoch: unused,
    perform: unused,
    close: flush,
  };
  return {
    apiKeys: createApiKeyStore(database),
    revocations: createRevocationStore(database, Date.now),
    sessions: createSessionStore(database),
    tenants: createTenantStore(database),
    flush,
  };
}
