import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { isRefusedAddress } from '../base/refused-address.ts';
import type { Settings, UpstreamSettings } from '../config/schema/config.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { ask } from './ask.ts';
import { type Balancer, createBalancer } from './balancer.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeRules } from './exchange-rules.ts';
import type { HealthSettings, PoolRegistry, PoolSpec } from './pool-registry.ts';
import type { PooledTarget } from './target.ts';
import type { ForwardOutcome, Upstream } from './upstream.ts';

/** The upstreams of one generation of the configuration. */
export interface Upstreams {
  readonly byName: ReadonlyMap<string, Upstream>;
  /**
   * The generation's last request has been given to `forward`. Requests in flight finish; connections that no other
   * generation uses are closed then.
   */
  release(): void;
}

/** Default of `timeouts.connect`, milliseconds. */
const CONNECT_MILLISECONDS = 2000;

/**
 * Compiles upstreams. Throws an Error that names the setting if a file cannot be read or used, or if a target is an
 * address that nothing is forwarded to; then no connection of this generation is left.
 */
export function createUpstreams(
  settings: Settings['upstreams'],
  tenants: Settings['tenants'],
  deps: { readonly pools: PoolRegistry; readonly metrics: Metrics; readonly clock: Clock },
): Upstreams {
  const acquired: PooledTarget[] = [];
  function release(): void {
    for (const target of acquired.splice(0)) deps.pools.release(target);
  }

  function compile(name: string, upstream: UpstreamSettings): Upstream {
    const shared = poolSpecOf(name, upstream);
    const acquire = (urls: readonly string[]): Balancer =>
      createBalancer(
        urls.map((url) => {
          const origin = originOf(name, url);
          const target = deps.pools.acquire({ ...shared, origin }, healthOf(upstream, origin));
          acquired.push(target);
          return target;
        }),
        upstream.queue,
      );
    const everybodys = acquire(upstream.targets);
    const ofTenant = new Map<string, Balancer>();
    for (const [tenant, { upstreams }] of Object.entries(tenants)) {
      const urls = upstreams[name];
      if (urls !== undefined) ofTenant.set(tenant, acquire(urls));
    }
    const balancerOf = (tenant: TenantId | undefined): Balancer =>
      (tenant === undefined ? undefined : ofTenant.get(tenant)) ?? everybodys;
    const rules: ExchangeRules = {
      upstream: name,
      health: { failures: upstream.health.failures, ejectMilliseconds: upstream.health.eject },
      basePath: upstream.basePath ?? '',
      rewritesLocation: upstream.rewriteLocation,
      metrics: deps.metrics,
      clock: deps.clock,
    };
    return {
      name,
      targetsOf: (tenant) => balancerOf(tenant).targets,
      forward(request, received, response, finished) {
        const balancer = balancerOf(request.tenant);
        if (balancer.hasRoom(deps.clock()))
          new Exchange(
            rules,
            balancer,
            request,
            received,
            response,
            withErrors(balancer, deps.clock, finished),
          ).start();
        else finished(refuseBusy(rules));
      },
      ask: (request) => ask(rules, balancerOf(request.tenant), request),
    };
  }

  try {
    const byName = new Map(Object.entries(settings).map(([name, each]) => [name, compile(name, each)]));
    return { byName, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** One target has nobody to be compared with. */
function withErrors(
  balancer: Balancer,
  clock: Clock,
  finished: (outcome: ForwardOutcome) => void,
): (outcome: ForwardOutcome) => void {
  if (balancer.targets.length === 1) return finished;
  return (outcome) => {
    if (outcome.kind === 'answered' && outcome.status >= 500) balancer.erred(outcome.target, clock());
    finished(outcome);
  };
}

function refuseBusy({ metrics, upstream }: ExchangeRules): ForwardOutcome {
  metrics.upstreamFailed(upstream, 'upstream_busy');
  return {
    kind: 'failed',
    code: 'upstream_busy',
    reason: 'as many requests wait as upstreams.*.queue allows',
  };
}

function poolSpecOf(
  name: string,
  { tls, connections, timeouts }: UpstreamSettings,
): Omit<PoolSpec, 'origin'> {
  return {
    upstream: name,
    tls: {
      ca: readPem(`upstreams.${name}.tls.ca`, tls.ca),
      cert: readPem(`upstreams.${name}.tls.cert`, tls.cert),
      key: readPem(`upstreams.${name}.tls.key`, tls.key),
      serverName: tls.serverName,
    },
    connections,
    connectMilliseconds: timeouts.connect ?? CONNECT_MILLISECONDS,
  };
}

function readPem(setting: string, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`${setting}: cannot read ${path}`, { cause: error });
  }
}

function originOf(upstream: string, target: string): string {
  const url = new URL(target);
  if (url.pathname !== '/') {
    throw new Error(`upstreams.${upstream}: target ${target} has a path; that is what basePath is for`);
  }
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname;
  if (isIP(host) !== 0 && isRefusedAddress(host)) {
    throw new Error(`upstreams.${upstream}: target ${target} is an address that nothing is forwarded to`);
  }
  return url.origin;
}

function healthOf({ health, host }: UpstreamSettings, origin: string): HealthSettings {
  const rules = { failures: health.failures, ejectMilliseconds: health.eject };
  if (health.path === undefined) return { rules, checks: undefined };
  return {
    rules,
    checks: {
      path: health.path,
      host: typeof host === 'object' ? host.fixed : new URL(origin).host,
      everyMilliseconds: health.every,
      timeoutMilliseconds: health.timeout,
    },
  };
}
