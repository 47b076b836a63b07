import { createHash } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ResolveName } from './address-guard.ts';
import { createConnector, secureContextOf, type TlsMaterial } from './connector.ts';
import { type HealthRules, TargetHealth } from './health.ts';
import { type CheckSettings, type HealthChecks, startHealthChecks } from './health-checks.ts';
import type { PooledTarget } from './target.ts';
import { bareName, openerFor, type SocketReads } from './wire/open-socket.ts';
import { Pool } from './wire/pool.ts';

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

/** `resolveName`: for tests, in place of DNS. */
export function createPoolRegistry(deps: {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly resolveName?: ResolveName;
}): PoolRegistry {
  const entries = new Map<string, Entry>();
  const closing = new Set<Promise<unknown>>();
  const open = new Set<PooledTarget>();

  function retire(entry: Entry): void {
    entries.delete(entry.key);
    entry.unwatch();
    const { target } = entry;
    const ended = Promise.all([target.pool.close(), target.handshakes.close()]);
    const closed = ended.finally(() => {
      open.delete(target);
      closing.delete(closed);
    });
    closing.add(closed);
  }

  return {
    acquire(spec, health) {
      const key = keyOf(spec);
      const entry = entries.get(key) ?? createEntry(key, spec, deps);
      entries.set(key, entry);
      open.add(entry.target);
      entry.users += 1;
      entry.watch(health);
      return entry.target;
    },
    release(target) {
      for (const entry of entries.values()) {
        if (entry.target !== target) continue;
        entry.users -= 1;
        if (entry.users === 0) retire(entry);
        return;
      }
    },
    async close(graceMilliseconds) {
      for (const entry of entries.values()) retire(entry);
      const timer = setTimeout(() => {
        for (const { pool, handshakes } of open) {
          pool.destroy();
          handshakes.destroy();
        }
      }, graceMilliseconds);
      await Promise.all(closing);
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
  const options = {
    hostname: bareName(hostname),
    serverName: spec.tls.serverName,
    secureContext: secureContextOf(spec.tls),
    timeoutMilliseconds: spec.connectMilliseconds,
    resolveName,
  };
  const connectorFor = (reads: SocketReads | undefined) => createConnector(options, reads);
  const health = new TargetHealth((isHealthy) => {
    metrics.targetHealth(upstream, origin, isHealthy);
    if (isHealthy) log.info({ upstream, target: origin }, 'upstream target is back');
    else log.warn({ upstream, target: origin }, 'upstream target is out');
  });
  const target: PooledTarget = {
    origin,
    authority: host,
    pool: new Pool(openerFor(origin, connectorFor, false), spec.connections),
    handshakes: new Pool(openerFor(origin, connectorFor, true), spec.connections),
    health,
    get isHealthy() {
      return health.isHealthy;
    },
    connections: spec.connections,
    connectMilliseconds: spec.connectMilliseconds,
    inFlight: 0,
  };
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
      checks = startHealthChecks(origin, connectorFor(undefined), next.checks, (succeeded, reason) => {
        if (!succeeded) log.debug({ upstream, target: origin, reason }, 'upstream health check failed');
        health.checked(succeeded, next.rules);
      });
      return undefined;
    },
    unwatch: () => checks?.stop(),
  };
}
