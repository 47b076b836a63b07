import { setImmediate } from 'node:timers/promises';

/** Work in small steps: it yields where it may be interrupted, and returns what it made. */
export type Steps<T> = Generator<undefined, T, undefined>;

/** The longest that work holds up the requests that are served meanwhile. */
const HELD_UP_MILLISECONDS = 8;

/** Does the work in turn with all else that the process has to do. Rejects with what a step throws. */
export async function runPaced<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const until = performance.now() + HELD_UP_MILLISECONDS;
    do {
      const { done, value } = steps.next();
      if (done === true) return value;
    } while (performance.now() < until);
    await setImmediate();
  }
}
