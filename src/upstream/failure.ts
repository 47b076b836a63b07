import { errors } from 'undici';
import { Outage } from '../base/outage.ts';
import type { DenyCode } from '../http/deny-codes.ts';

/** The exchange was stopped by us, with the code that it is to be answered with. */
export class ExchangeStopped extends Error {
  readonly code: DenyCode;

  constructor(code: DenyCode, message: string) {
    super(message);
    this.name = 'ExchangeStopped';
    this.code = code;
  }
}

export interface Failure {
  readonly code: DenyCode;
  /** For the log: may name addresses. */
  readonly reason: string;
  /** Whether it counts against the target's health. */
  readonly isTargets: boolean;
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
]);

/** What an error of the way to the upstream means for client and target. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ExchangeStopped) return { code: error.code, reason: error.message, isTargets: false };
  if (error instanceof Outage) return { code: error.code, reason: error.message, isTargets: false };
  if (isClosing(error)) return { code: 'upstream_unavailable', reason: describe(error), isTargets: false };
  if (isOurFault(error)) return { code: 'internal_error', reason: describe(error), isTargets: false };
  const code = codeOf(error);
  if (code !== undefined && TIMEOUTS.has(code))
    return { code: 'upstream_timeout', reason: describe(error), isTargets: true };
  return { code: 'upstream_unavailable', reason: describe(error), isTargets: true };
}

/** The pool is closed, as happens when the gateway stops. */
function isClosing(error: unknown): boolean {
  return error instanceof errors.ClientClosedError || error instanceof errors.ClientDestroyedError;
}

/** undici was asked for something that it cannot send. */
function isOurFault(error: unknown): boolean {
  return (
    error instanceof errors.InvalidArgumentError ||
    error instanceof errors.NotSupportedError ||
    error instanceof errors.RequestContentLengthMismatchError
  );
}

/** How undici says that the other side closed, as opposed to having answered nonsense. */
const CLOSED: ReadonlySet<string> = new Set(['other side closed', 'closed']);

/** The connection ended: the one failure after which an idempotent request may be sent again (RFC 9110 §9.2.2). */
export function isConnectionReset(error: unknown): boolean {
  const code = codeOf(error);
  return (
    (error instanceof errors.SocketError && CLOSED.has(error.message)) ||
    code === 'ECONNRESET' ||
    code === 'EPIPE'
  );
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Happy Eyeballs fails with one error per address and no message of its own. */
function describe(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(describe).join('; ');
  if (!(error instanceof Error)) return 'failed without an error';
  const code = codeOf(error);
  return code === undefined || error.message.includes(code) ? error.message : `${code}: ${error.message}`;
}
