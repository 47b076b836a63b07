import type { Readiness } from '../telemetry/readiness.ts';
import type { Foundation } from './foundation.ts';
import type { Generations } from './generations.ts';
import type { WorkerPool } from './worker-pool.ts';

/** What `/readyz` looks at. Only draining takes the instance out: the rest is told, since all replicas share it. */
export function addReadinessChecks(
  readiness: Readiness,
  foundation: Foundation,
  generations: Generations,
): void {
  readiness.add({
    name: 'store',
    // A replica whose store is away still answers what it can; taking all replicas out at once would help nobody.
    effect: 'informational',
    async check() {
      await foundation.stores.ping();
      return { isOk: true };
    },
  });
  readiness.add({
    name: 'revocations',
    effect: 'informational',
    check() {
      const lag = Math.round(foundation.revocations.lag(foundation.clock()));
      const { maxLag } = generations.current();
      return lag <= maxLag
        ? { isOk: true, detail: `known up to ${lag} ms ago` }
        : {
            isOk: false,
            detail: `known up to ${lag} ms ago, which is more than store.maxLag (${maxLag} ms)`,
          };
    },
  });
  readiness.add({
    name: 'configuration',
    effect: 'informational',
    check() {
      const problems = generations.problems();
      const { revision } = generations.current();
      if (problems.length === 0) return { isOk: true, detail: `revision ${revision}` };
      const found = generations.isWaiting()
        ? 'the newest file waits for the store and is tried again'
        : `the newest file is refused (${problems.length} problems)`;
      return { isOk: false, detail: `${found}, revision ${revision} goes on serving` };
    },
  });
  readiness.add({
    name: 'observing',
    effect: 'informational',
    check() {
      const now = foundation.clock();
      const observing = generations
        .current()
        .settings.routes.filter(({ observe }) => observe !== undefined && now < observe.until);
      return observing.length === 0
        ? { isOk: true }
        : { isOk: false, detail: `refuse nothing: ${observing.map(({ id }) => id).join(', ')}` };
    },
  });
  readiness.add({
    name: 'upstreams',
    effect: 'informational',
    check() {
      const targets = [...generations.current().forwardings.values()].flatMap(({ upstream }) =>
        upstream.targetsOf(undefined),
      );
      const down = targets.filter((target) => !target.isHealthy).map((target) => target.origin);
      return down.length === 0 ? { isOk: true } : { isOk: false, detail: `not healthy: ${down.join(', ')}` };
    },
  });
  readiness.add({
    name: 'issuers',
    effect: 'informational',
    check() {
      const { issuers } = generations.current().authentication.status();
      const missing = issuers.filter(({ keys }) => keys?.isUsable === false);
      return missing.length === 0
        ? { isOk: true }
        : { isOk: false, detail: `no usable keys: ${missing.map((issuer) => issuer.name).join(', ')}` };
    },
  });
}

/** Where workers serve: one of them is enough to get traffic, since connections go to those that are there. */
export function addWorkerChecks(readiness: Readiness, pool: Pick<WorkerPool, 'size' | 'serving'>): void {
  const detail = () => `${pool.serving()} of ${pool.size} workers serve`;
  readiness.add({
    name: 'serving',
    effect: 'required',
    check: () => (pool.serving() > 0 ? { isOk: true } : { isOk: false, detail: detail() }),
  });
  readiness.add({
    name: 'workers',
    effect: 'informational',
    check: () => ({ isOk: pool.serving() === pool.size, detail: detail() }),
  });
}
