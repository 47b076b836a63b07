import { isConnectionReset } from './failure.ts';
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
export function mayRetry(progress: Progress, request: ForwardedRequest, error: unknown): boolean {
  if (!progress.isConnected) return true;
  return (
    progress.isConnectionReused &&
    !progress.isAnswerBegun &&
    request.body.kind === 'none' &&
    IDEMPOTENT.has(request.method) &&
    isConnectionReset(error)
  );
}
