import { ExchangeStopped } from './failure.ts';
import type { PooledTarget } from './target.ts';

/** All connections of a target are busy: as long as connecting may take, one may become free. */
export function watchQueue(target: PooledTarget, stop: (error: ExchangeStopped) => void): NodeJS.Timeout {
  return setTimeout(() => {
    stop(new ExchangeStopped('upstream_busy', `no connection to ${target.origin} became free`));
  }, target.connectMilliseconds);
}
