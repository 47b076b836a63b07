import type { PooledTarget } from './target.ts';

export interface Choice {
  readonly target: PooledTarget;
  /** No target is healthy: this one is tried all the same, since refusing everybody helps nobody. */
  readonly isPanic: boolean;
}

/** Chooses among the targets of one upstream, or of one tenant there. */
export interface Balancer {
  readonly targets: readonly PooledTarget[];
  /** `undefined` only if each target is in `tried`. */
  choose(now: number, tried: readonly PooledTarget[]): Choice | undefined;
}

export const NONE_TRIED: readonly PooledTarget[] = [];

/**
 * The target with the fewest requests in flight, from a start that moves on with each choice: even when idle, away
 * from slow targets under load. Upstreams have few targets, so looking at all costs less than drawing two at random.
 */
export function createBalancer(targets: readonly PooledTarget[]): Balancer {
  const [only] = targets;
  let start = 0;

  function leastBusy(tried: readonly PooledTarget[], admits: (target: PooledTarget) => boolean) {
    let best: PooledTarget | undefined;
    for (let offset = 0; offset < targets.length; offset += 1) {
      const target = targets[(start + offset) % targets.length];
      if (target === undefined || tried.includes(target) || !admits(target)) continue;
      if (best === undefined || target.inFlight < best.inFlight) best = target;
    }
    return best;
  }

  return {
    targets,
    choose(now, tried) {
      if (targets.length === 1 && only !== undefined && tried.length === 0)
        return { target: only, isPanic: !only.health.admits(now) };
      start = (start + 1) % targets.length;
      const admitted = leastBusy(tried, (target) => target.health.admits(now));
      if (admitted !== undefined) return { target: admitted, isPanic: false };
      const any = leastBusy(tried, () => true);
      return any === undefined ? undefined : { target: any, isPanic: true };
    },
  };
}
