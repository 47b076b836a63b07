import type { Secret } from '../../base/secret.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where the server is found. */
export type RedisServer =
  /** `redis://` or `rediss://` (TLS), with `user:password@` and `/database` where they are needed; hence a secret. */
  | { readonly kind: 'standalone'; readonly url: Secret }
  /** The primary of this name, as the sentinels know it; asked anew at each connection, so that a failover is followed. */
  | {
      readonly kind: 'sentinel';
      readonly name: string;
      readonly sentinels: readonly RedisAddress[];
      /** What the sentinels themselves want; the server has `username` and `password` of the settings. */
      readonly sentinelUsername?: string;
      readonly sentinelPassword?: Secret;
    }
  /** Some nodes of a cluster; the others are learned from them. */
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] };

/** PEM texts. Certificates are always verified: without `ca`, against the authorities that Node knows. */
export interface RedisTls {
  readonly ca?: string;
  /** Client certificate and its key. */
  readonly cert?: string;
  readonly key?: Secret;
}

export interface RedisSettings {
  readonly server: RedisServer;
  /** ACL user; of the URL, if absent. */
  readonly username?: string;
  readonly password?: Secret;
  /** Its presence turns TLS on for sentinels and cluster nodes; a URL says it by `rediss://`. */
  readonly tls?: RedisTls;
  /** Every key begins with it, and nothing else is touched. In the grammar of `KEY_PREFIX`. */
  readonly keyPrefix: string;
  /** Milliseconds after which an operation that has no answer is an outage. */
  readonly commandTimeout: number;
}

/** No braces, which are the mark of a hash tag, and nothing that is special in a pattern of an ACL. */
export const KEY_PREFIX = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** Names the server without any secret, for messages and logs. */
export function describeServer(server: RedisServer): string {
  switch (server.kind) {
    case 'standalone': {
      const { hostname, port } = parseRedisUrl(server.url);
      return `Redis at ${hostname}:${port === '' ? DEFAULT_PORT : port}`;
    }
    case 'sentinel':
      return `Redis ${server.name} of the sentinels ${server.sentinels.map(describeAddress).join(', ')}`;
    case 'cluster':
      return `Redis Cluster at ${server.nodes.map(describeAddress).join(', ')}`;
  }
}

export const DEFAULT_PORT = 6379;

/** Throws RangeError, without the text, for what is not a Redis URL. */
export function parseRedisUrl(secret: Secret): URL {
  const url = URL.canParse(secret.reveal()) ? new URL(secret.reveal()) : undefined;
  const isRedis = url?.protocol === 'redis:' || url?.protocol === 'rediss:';
  if (url === undefined || !isRedis || url.hostname === '' || !/^(?:\/\d{0,4})?$/.test(url.pathname)) {
    throw new RangeError(
      'A Redis URL is redis:// or rediss://, a host, and a port or the number of a database where needed.',
    );
  }
  return url;
}

function describeAddress({ host, port }: RedisAddress): string {
  return `${host}:${port}`;
}
