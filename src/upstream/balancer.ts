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
  /** Whether one of those that would be chosen from has a connection, or a place to wait for one. */
  hasRoom(now: number): boolean;
  /** The target of this origin answered 5xx. */
  erred(origin: string, now: number): void;
}

export const NONE_TRIED: readonly PooledTarget[] = [];

/**
 * The target with the fewest requests in flight and errors of late, from a start that moves on with each choice: even
 * when idle, away from slow and failing targets under load. Upstreams have few targets, so looking at all costs less
 * than drawing two at random.
 *
 * @param waiting most requests that wait for a connection, per target
 */
export function createBalancer(targets: readonly PooledTarget[], waiting: number): Balancer {
  const [only] = targets;
  let start = 0;

  function leastBusy(
    now: number,
    tried: readonly PooledTarget[],
    admits: (target: PooledTarget) => boolean,
  ): PooledTarget | undefined {
    let best: PooledTarget | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (let offset = 0; offset < targets.length; offset += 1) {
      const target = targets[(start + offset) % targets.length];
      if (target === undefined || tried.includes(target) || !admits(target)) continue;
      const load = target.inFlight + target.health.burden(now);
      if (load >= least) continue;
      best = target;
      least = load;
    }
    return best;
  }

  function isOpen(target: PooledTarget): boolean {
    return target.inFlight < target.connections + waiting;
  }

  return {
    targets,
    hasRoom(now) {
      let isPanic = true;
      for (const target of targets) {
        if (!target.health.admits(now)) continue;
        if (isOpen(target)) return true;
        isPanic = false;
      }
      return isPanic && targets.some(isOpen);
    },
    erred: (origin, now) => targets.find((target) => target.origin === origin)?.health.erred(now),
    choose(now, tried) {
      if (targets.length === 1 && only !== undefined && tried.length === 0)
        return { target: only, isPanic: !only.health.admits(now) };
      start = (start + 1) % targets.length;
      const admitted = leastBusy(now, tried, (target) => target.health.admits(now));
      if (admitted !== undefined) return { target: admitted, isPanic: false };
      const any = leastBusy(now, tried, () => true);
      return any === undefined ? undefined : { target: any, isPanic: true };
    },
  };
}
