import { readFile } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { Secret } from '../base/secret.ts';
import type { Settings } from '../config/schema/config.ts';
import { openEmbeddedStore } from '../stores/embedded/embedded-store.ts';
import { openRedisStore } from '../stores/redis/redis-store.ts';
import type { RedisServer, RedisSettings, RedisTls } from '../stores/redis/settings.ts';
import type { Stores } from '../stores/stores.ts';
import type { Log } from '../telemetry/log.ts';

const DEFAULT_PATH = './data/gatehouse.db';

/** File of the embedded store; `undefined`: the store is elsewhere. */
export function embeddedPathOf(store: Settings['store']): string | undefined {
  return store.redis === undefined ? (store.embedded?.path ?? DEFAULT_PATH) : undefined;
}

/** Opens the configured store. Throws with a sentence for the operator. */
export async function openStores(store: Settings['store'], clock: Clock, log: Log): Promise<Stores> {
  const onListenerError = (error: unknown) =>
    log.error({ err: error }, 'a listener of the change feed failed');
  if (store.redis !== undefined)
    return openRedisStore({ settings: await readRedisSettings(store.redis), clock, log, onListenerError });
  return openEmbeddedStore({ path: embeddedPathOf(store) ?? DEFAULT_PATH, clock, onListenerError });
}

type RedisConfiguration = NonNullable<Settings['store']['redis']>;

async function readRedisSettings(redis: RedisConfiguration): Promise<RedisSettings> {
  const { username, password, keyPrefix, commandTimeout } = redis;
  const tls = redis.tls === undefined ? undefined : await readTls(redis.tls);
  return {
    server: serverOf(redis),
    keyPrefix,
    commandTimeout,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && { tls }),
  };
}

function serverOf({ url, sentinels, cluster }: RedisConfiguration): RedisServer {
  if (url !== undefined) return { kind: 'standalone', url };
  if (sentinels === undefined) return { kind: 'cluster', nodes: cluster ?? [] };
  const { name, nodes, username, password } = sentinels;
  return {
    kind: 'sentinel',
    name,
    sentinels: nodes,
    ...(username !== undefined && { sentinelUsername: username }),
    ...(password !== undefined && { sentinelPassword: password }),
  };
}

async function readTls({ ca, cert, key }: NonNullable<RedisConfiguration['tls']>): Promise<RedisTls> {
  return {
    ...(ca !== undefined && { ca: await readFile(ca, 'utf8') }),
    ...(cert !== undefined && { cert: await readFile(cert, 'utf8') }),
    ...(key !== undefined && { key: new Secret(await readFile(key, 'utf8')) }),
  };
}
