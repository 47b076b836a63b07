import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';

/** Wrong tokens that one peer may present within the window before its failures are answered 429 and no longer recorded. */
const FAILURES = 20;
const WINDOW_MILLISECONDS = 60_000;
/** Peers remembered; bounded, since addresses are cheap to an attacker. */
const PEERS = 10_000;

export interface FailureBudget {
  /** Counts one failure. Seconds until the peer may try again if its budget is used up, else `undefined`. */
  fail(peer: string): number | undefined;
}

export function createFailureBudget(clock: Clock): FailureBudget {
  const windows = new LRUCache<string, { readonly failures: number; readonly endsAt: number }>({
    max: PEERS,
  });
  return {
    fail(peer) {
      const now = clock();
      const current = windows.get(peer);
      const { failures, endsAt } =
        current !== undefined && now < current.endsAt
          ? current
          : { failures: 0, endsAt: now + WINDOW_MILLISECONDS };
      windows.set(peer, { failures: failures + 1, endsAt });
      return failures < FAILURES ? undefined : Math.max(1, Math.ceil((endsAt - now) / 1000));
    },
  };
}
