import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { checkAlternativeNames } from '../../base/server-identity.ts';
import { reconnectDelay } from './reconnect.ts';
import { watchSentinels } from './sentinel-watch.ts';
import { DEFAULT_PORT, parseRedisUrl, type RedisSettings, type RedisTls } from './settings.ts';

/** What this adapter uses of ioredis, the same for one server and for a cluster. */
export interface RedisClient {
  readonly status: string;
  connect(): Promise<void>;
  /** Lets go of all sockets, at once and for good. */
  disconnect(): void;
  call(command: string, ...args: (string | number)[]): Promise<unknown>;
  on(event: string, listener: (value: unknown) => void): unknown;
  /** Each server that takes writes, to be asked for itself. */
  primaries(): readonly Pick<RedisClient, 'call'>[];
}

/**
 * A client that connects when it is told to, and reconnects by itself for ever. It never keeps a command for later and
 * never sends one twice: what was asked while there is no connection, or whose answer is lost, fails.
 */
export function createRedisClient(settings: RedisSettings, answerWithin: number): RedisClient {
  const { server } = settings;
  const common = commonOptions(settings, answerWithin);
  const reconnecting = { retryStrategy: reconnectDelay, enableOfflineQueue: false, lazyConnect: true };
  switch (server.kind) {
    case 'standalone': {
      const url = parseRedisUrl(server.url);
      return asSingle(
        new Redis({
          ...credentialsOf(url),
          ...common,
          ...reconnecting,
          host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
          port: url.port === '' ? DEFAULT_PORT : Number(url.port),
          ...(url.pathname.length > 1 && { db: Number(url.pathname.slice(1)) }),
          ...(url.protocol === 'rediss:' && { tls: tlsOptions(settings.tls ?? {}) }),
        }),
      );
    }
    case 'sentinel': {
      const tls = settings.tls && tlsOptions(settings.tls);
      const username = server.sentinelUsername;
      const password = server.sentinelPassword?.reveal();
      const redis = new Redis({
        ...common,
        ...reconnecting,
        sentinels: server.sentinels.map(({ host, port }) => ({ host, port })),
        name: server.name,
        sentinelRetryStrategy: reconnectDelay,
        sentinelCommandTimeout: settings.commandTimeout,
        ...(username !== undefined && { sentinelUsername: username }),
        ...(password !== undefined && { sentinelPassword: password }),
        ...(tls !== undefined && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
      });
      const watch = watchSentinels({
        name: server.name,
        sentinels: server.sentinels.map(({ host, port }) => ({
          host,
          port,
          ...(username !== undefined && { username }),
          ...(password !== undefined && { password }),
          ...(tls !== undefined && { tls }),
        })),
        answerWithin: settings.commandTimeout,
        current: () => (redis.status === 'ready' ? remoteAddress(redis) : undefined),
        onMoved: () => redis.disconnect(true),
      });
      const single = asSingle(redis);
      return {
        ...single,
        get status() {
          return redis.status;
        },
        disconnect() {
          watch.close();
          redis.disconnect();
        },
      };
    }
    case 'cluster':
      return asCluster(
        new Cluster(
          server.nodes.map(({ host, port }) => ({ host, port })),
          {
            lazyConnect: true,
            enableOfflineQueue: false,
            clusterRetryStrategy: reconnectDelay,
            clusterNodeRetryStrategy: reconnectDelay,
            slotsRefreshInterval: 1000,
            slotsRefreshTimeout: settings.commandTimeout,
            // It would send a command again whose answer was lost.
            retryDelayOnFailover: 0,
            redisOptions: { ...common, ...(settings.tls && { tls: tlsOptions(settings.tls) }) },
          },
        ),
      );
  }
}

function commonOptions(settings: RedisSettings, answerWithin: number) {
  return {
    // No answer of RESP3 is used, and a server behind a proxy may not know it.
    protocol: 2,
    ...(settings.username !== undefined && { username: settings.username }),
    ...(settings.password !== undefined && { password: settings.password.reveal() }),
    connectionName: 'gatehouse',
    connectTimeout: settings.commandTimeout,
    commandTimeout: answerWithin,
    // A peer that vanished without a word would else be written to for a quarter of an hour.
    socketTimeout: answerWithin + 500,
    maxLoadingRetryTime: 250,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // A primary that became a replica: connect anew, which finds the new primary.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

function credentialsOf(url: URL) {
  return {
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
  };
}

function tlsOptions({ ca, cert, key }: RedisTls): ConnectionOptions {
  return {
    rejectUnauthorized: true,
    checkServerIdentity: checkAlternativeNames,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key: key.reveal() }),
  };
}

/** An IPv4 address as such, whatever family the socket is of. */
function remoteAddress({ stream }: Redis): string {
  return `${stream.remoteAddress?.replace(/^::ffff:/, '')}:${stream.remotePort}`;
}

function asSingle(redis: Redis): RedisClient {
  return {
    get status() {
      return redis.status;
    },
    connect: () => redis.connect(),
    disconnect: () => redis.disconnect(),
    call: (command, ...args) => redis.call(command, ...args),
    on: (event, listener) => redis.on(event, listener),
    primaries: () => [redis],
  };
}

function asCluster(cluster: Cluster): RedisClient {
  return {
    get status() {
      return cluster.status;
    },
    connect: () => cluster.connect(),
    disconnect: () => cluster.disconnect(),
    async call(command, ...args) {
      try {
        return await cluster.call(command, ...args);
      } catch (error) {
        // Who has the slot now need not wait for the next look. One look at a time.
        cluster.refreshSlotsCache();
        throw error;
      }
    },
    on: (event, listener) => cluster.on(event, listener),
    primaries: () => cluster.nodes('master'),
  };
}
