import type { Clock } from '../base/clock.ts';
import type { Stores } from '../stores/stores.ts';
import type { Log } from '../telemetry/log.ts';

const EVERY_MILLISECONDS = 60_000;

/** That the store forgets what has ended by its own time. No decision depends on it. */
export interface Housekeeping {
  /** Waits for what is under way. Never throws. */
  end(): Promise<void>;
}

/**
 * Every replica does it, each in its own time: what one has pruned is nothing to the others. What fails is logged, and tried again the
 * next time.
 */
export function startHousekeeping(options: {
  readonly stores: Pick<Stores, 'sessions' | 'tokens' | 'revocations'>;
  readonly clock: Clock;
  readonly log: Log;
  /** On average. */
  readonly everyMilliseconds?: number;
}): Housekeeping {
  const { stores, clock, log, everyMilliseconds = EVERY_MILLISECONDS } = options;
  let timer: NodeJS.Timeout | undefined;
  let tidying: Promise<void> | undefined;
  let hasEnded = false;

  async function tidy(): Promise<void> {
    for (const what of ['sessions', 'tokens', 'revocations'] as const) {
      if (hasEnded) return;
      try {
        const pruned = await stores[what].prune(clock());
        if (pruned > 0) log.debug({ what, pruned }, 'the store has forgotten what had ended');
      } catch (error) {
        log.warn({ err: error, what }, 'what has ended could not be pruned from the store');
      }
    }
  }

  /** Half the time or as much again: replicas that start together do not stay together. */
  function schedule(): void {
    const delay = everyMilliseconds * (0.5 + Math.random());
    timer = setTimeout(() => {
      tidying = tidy().finally(() => {
        if (!hasEnded) schedule();
      });
    }, delay).unref();
  }

  schedule();
  return {
    async end() {
      hasEnded = true;
      clearTimeout(timer);
      await tidying;
    },
  };
}
