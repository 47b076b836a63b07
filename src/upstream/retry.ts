import type { Balancer } from './balancer.ts';
import { isConnectionReset } from './failure.ts';
import type { PooledTarget } from './target.ts';
import type { ForwardedRequest } from './upstream.ts';

/** How far an attempt came. */
export interface Progress {
  /** There was a connection to write to; before, no byte was sent. */
  readonly isConnected: boolean;
  readonly isConnectionReused: boolean;
  readonly isAnswerBegun: boolean;
}

/** Methods that may be sent again after a connection broke (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/**
 * Only where the upstream cannot have answered: nothing was sent, or the request is idempotent, has no body, and an
 * old connection broke before any byte of an answer, as happens when the upstream closes it at that moment. Never
 * after an answer, whatever its status.
 */
export function mayRetry(
  progress: Progress,
  request: Pick<ForwardedRequest, 'method' | 'body'>,
  error: unknown,
): boolean {
  if (!progress.isConnected) return true;
  return (
    progress.isConnectionReused &&
    !progress.isAnswerBegun &&
    request.body.kind === 'none' &&
    IDEMPOTENT.has(request.method) &&
    isConnectionReset(error)
  );
}

/**
 * Where a request goes that failed at the last of `tried`: to each other target once; to the same one only if its old
 * connection was the fault and there is no other. `undefined`: nowhere.
 */
export function nextTarget(
  balancer: Balancer,
  now: number,
  tried: readonly PooledTarget[],
  isConnected: boolean,
): PooledTarget | undefined {
  const other = balancer.choose(now, tried)?.target;
  return other ?? (tried.length === 1 && isConnected ? tried[0] : undefined);
}
