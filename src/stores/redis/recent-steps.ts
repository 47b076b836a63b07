import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

/** One change as it was made: keys and arguments of its script. It says what must hold for it, so that it can be tried again. */
export interface Step {
  readonly keys: readonly string[];
  readonly args: readonly (string | number)[];
}

/** Where a step stands in the stream of changes: a store with another past has another entry of that number, or none. */
export interface StepEntry {
  readonly number: number;
  readonly id: string;
}

/** The ids of the newest entries of the store by their numbers. */
export type NewestEntries = ReadonlyMap<number, string>;

/** What this process changed of late, for the case that a failover loses it. */
export interface RecentSteps {
  made(step: Step, entry: StepEntry): void;
  /** The store told this entry. */
  told(entry: StepEntry): void;
  /** The store has lost changes; these are its newest. */
  rewound(newest: NewestEntries): void;
  close(): void;
}

/** A change of more than a minute ago is not made again: whoever asked for it has seen what came of it. */
const KEPT_MILLISECONDS = 60_000;
/** A few megabytes at most. */
const KEPT_STEPS = 2000;
/** A step may wait for one that another gateway makes again, or for the new primary. */
const ATTEMPTS = 20;
const RETRY_MILLISECONDS = 250;

interface RecentStep extends Step {
  readonly id: string;
  /** Milliseconds of `performance.now()`. */
  readonly madeAt: number;
}

/** `redo` makes a step if what it was decided on still holds, and says whether it did; its entry is told by `made`. */
export function createRecentSteps(parts: {
  readonly redo: (step: Step) => Promise<boolean>;
  readonly log: Logger;
}): RecentSteps {
  const { redo, log } = parts;
  /** In the order of their numbers, as good as. */
  const recent = new Map<number, RecentStep>();
  let lost: RecentStep[] = [];
  let isBusy = false;
  const closing = new AbortController();

  function forgetOld(): void {
    const since = performance.now() - KEPT_MILLISECONDS;
    for (const [number, { madeAt }] of recent) {
      if (recent.size <= KEPT_STEPS && madeAt >= since) return;
      recent.delete(number);
    }
  }

  function lose(number: number, step: RecentStep): void {
    recent.delete(number);
    if (performance.now() - step.madeAt < KEPT_MILLISECONDS) lost.push(step);
  }

  async function attempt(steps: readonly RecentStep[]): Promise<RecentStep[]> {
    const open: RecentStep[] = [];
    for (const step of steps) {
      const isMade = await redo(step).catch(() => false);
      if (!isMade) open.push(step);
    }
    return open;
  }

  async function redoLost(): Promise<void> {
    if (isBusy || lost.length === 0) return;
    isBusy = true;
    while (lost.length > 0 && !closing.signal.aborted) {
      let open = lost;
      lost = [];
      const changes = open.length;
      log.warn({ changes }, 'the store had lost changes of this gateway; they are made again');
      for (let at = 0; at < ATTEMPTS && open.length > 0 && !closing.signal.aborted; at += 1) {
        if (at > 0) await delay(RETRY_MILLISECONDS);
        open = await attempt(open);
      }
      const overtaken = open.length;
      log.warn(
        { changes: changes - overtaken, overtaken },
        'changes that the store had lost were made again',
      );
    }
    isBusy = false;
  }

  return {
    made(step, { number, id }) {
      // Whatever else had this number is of another past, and was lost.
      const other = recent.get(number);
      if (other !== undefined && other.id !== id) lose(number, other);
      recent.set(number, { ...step, id, madeAt: performance.now() });
      forgetOld();
      void redoLost();
    },
    told({ number, id }) {
      const step = recent.get(number);
      if (step === undefined || step.id === id) return;
      lose(number, step);
      void redoLost();
    },
    rewound(newest) {
      const oldest = newest.size === 0 ? 0 : Math.min(...newest.keys());
      for (const [number, step] of recent) {
        // Of what is older than all that is known of the store it cannot be said.
        if (number >= oldest && newest.get(number) !== step.id) lose(number, step);
      }
      void redoLost();
    },
    close() {
      closing.abort();
      recent.clear();
      lost = [];
    },
  };
}
