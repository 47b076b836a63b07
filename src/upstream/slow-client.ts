import type { ClientResponse } from './client-side.ts';

export interface SlowClient {
  /** The client has more to read than it took; `resume` is called when it caught up. */
  pause(): void;
  stop(): void;
}

/**
 * For a client that reads more slowly than the upstream answers: the upstream waits, but not for ever.
 *
 * @param idleMilliseconds how long the client may take nothing before `stalled` is called; 0 = for ever
 */
export function holdForClient(
  response: ClientResponse,
  resume: () => void,
  idleMilliseconds: number,
  stalled: () => void,
): SlowClient {
  let isPaused = false;
  let isStopped = false;
  const timer =
    idleMilliseconds === 0
      ? undefined
      : setTimeout(() => {
          if (isPaused) stalled();
        }, idleMilliseconds);
  response.on('drain', () => {
    if (isStopped || !isPaused) return;
    isPaused = false;
    resume();
  });
  return {
    pause() {
      isPaused = true;
      timer?.refresh();
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
