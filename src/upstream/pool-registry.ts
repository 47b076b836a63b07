import { createHash } from 'node:crypto';
import { Pool } from 'undici';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ResolveName } from './address-guard.ts';
import { createConnector, secureContextOf, type TlsMaterial } from './connector.ts';
import { type HealthRules, TargetHealth } from './health.ts';
import { type CheckSettings, type HealthChecks, startHealthChecks } from './health-checks.ts';
import type { PooledTarget } from './target.ts';

/** What makes a pool the same after a reload. Upstreams share none, so that a slow one holds up no other. */
export interface PoolSpec {
  readonly upstream: string;
  /** `URL.origin` of the target. */
  readonly origin: string;
  readonly tls: TlsMaterial & { readonly serverName: string | undefined };
  readonly connections: number;
  readonly connectMilliseconds: number;
}

/** May differ between generations of one pool: the latest one holds. */
export interface HealthSettings {
  readonly rules: HealthRules;
  readonly checks: CheckSettings | undefined;
}

/** The connections of all upstreams, kept across configuration reloads. */
export interface PoolRegistry {
  /** One more generation uses the target. Throws if the TLS material is unusable. */
  acquire(spec: PoolSpec, health: HealthSettings): PooledTarget;
  /** One generation less; the last one closes the pool when its requests are finished. */
  release(target: PooledTarget): void;
  /** Waits for requests in flight at most this long, then cuts them. */
  close(graceMilliseconds: number): Promise<void>;
}

interface Entry {
  readonly key: string;
  readonly target: PooledTarget;
  readonly watch: (health: HealthSettings) => void;
  readonly unwatch: () => void;
  users: number;
}

/** Most bytes of the head of an answer. */
const ANSWER_HEAD_BYTES = 16_384;

/** `resolveName`: for tests, in place of DNS. */
export function createPoolRegistry(deps: {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly resolveName?: ResolveName;
}): PoolRegistry {
  const entries = new Map<string, Entry>();
  const closing = new Set<Promise<void>>();
  const open = new Set<Pool>();

  function retire(entry: Entry): Promise<void> {
    entries.delete(entry.key);
    entry.unwatch();
    const { pool } = entry.target;
    const closed = pool.close().finally(() => {
      open.delete(pool);
      closing.delete(closed);
    });
    closing.add(closed);
    return closed;
  }

  return {
    acquire(spec, health) {
      const key = keyOf(spec);
      const entry = entries.get(key) ?? createEntry(key, spec, deps);
      entries.set(key, entry);
      open.add(entry.target.pool);
      entry.users += 1;
      entry.watch(health);
      return entry.target;
    },
    release(target) {
      for (const entry of entries.values()) {
        if (entry.target !== target) continue;
        entry.users -= 1;
        if (entry.users === 0) void retire(entry);
        return;
      }
    },
    async close(graceMilliseconds) {
      for (const entry of entries.values()) void retire(entry);
      let timer: NodeJS.Timeout | undefined;
      // A pool that is destroyed while requests wait for its connections never says that it is closed.
      const cut = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          void Promise.all([...open].map((pool) => pool.destroy())).then(() => resolve());
        }, graceMilliseconds);
      });
      await Promise.race([Promise.all(closing), cut]);
      clearTimeout(timer);
    },
  };
}

/** A digest, since the material has a private key in it. */
function keyOf({ upstream, origin, tls, connections, connectMilliseconds }: PoolSpec): string {
  const { ca, cert, key, serverName } = tls;
  const parts = [upstream, origin, ca, cert, key, serverName, connections, connectMilliseconds];
  const text = JSON.stringify(parts.map((part) => part ?? null));
  return createHash('sha256').update(text).digest('base64');
}

function createEntry(
  key: string,
  spec: PoolSpec,
  { log, metrics, resolveName }: Parameters<typeof createPoolRegistry>[0],
): Entry {
  const { origin, upstream } = spec;
  const { hostname, host } = new URL(origin);
  const bareName = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  const connect = createConnector({
    hostname: bareName,
    serverName: spec.tls.serverName,
    secureContext: secureContextOf(spec.tls),
    timeoutMilliseconds: spec.connectMilliseconds,
    resolveName,
  });
  const health = new TargetHealth((isHealthy) => {
    metrics.targetHealth(upstream, origin, isHealthy);
    if (isHealthy) log.info({ upstream, target: origin }, 'upstream target is back');
    else log.warn({ upstream, target: origin }, 'upstream target is out');
  });
  const pool = new Pool(origin, {
    connections: spec.connections,
    connect,
    allowH2: false,
    pipelining: 1,
    maxHeaderSize: ANSWER_HEAD_BYTES,
  });
  const target: PooledTarget = {
    origin,
    authority: host,
    pool,
    health,
    get isHealthy() {
      return health.isHealthy;
    },
    serverName: spec.tls.serverName ?? bareName,
    connections: spec.connections,
    connectMilliseconds: spec.connectMilliseconds,
    inFlight: 0,
    isConnectionNew: false,
  };
  // The request that waits for this connection is written to it before microtasks run.
  pool.on('connect', () => {
    target.isConnectionNew = true;
    queueMicrotask(() => {
      target.isConnectionNew = false;
    });
  });
  metrics.targetHealth(upstream, origin, true);

  let checks: HealthChecks | undefined;
  let settings = '';
  return {
    key,
    target,
    users: 0,
    watch(next) {
      const nextSettings = JSON.stringify(next);
      if (nextSettings === settings) return;
      settings = nextSettings;
      checks?.stop();
      checks = undefined;
      if (next.checks === undefined) return health.checksEnded();
      checks = startHealthChecks(origin, connect, next.checks, (succeeded, reason) => {
        if (!succeeded) log.debug({ upstream, target: origin, reason }, 'upstream health check failed');
        health.checked(succeeded, next.rules);
      });
      return undefined;
    },
    unwatch: () => checks?.stop(),
  };
}
