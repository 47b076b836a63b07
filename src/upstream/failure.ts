import { Outage } from '../base/outage.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import { type FaultKind, WireFault } from './wire/wire-fault.ts';

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

/** Of connecting; the rest has `WireFault`. */
const TIMEOUTS: ReadonlySet<string> = new Set(['UND_ERR_CONNECT_TIMEOUT', 'ETIMEDOUT']);

const FAULTS: Readonly<Record<FaultKind, Pick<Failure, 'code' | 'isTargets'>>> = {
  malformed: { code: 'upstream_unavailable', isTargets: true },
  closed: { code: 'upstream_unavailable', isTargets: true },
  late: { code: 'upstream_timeout', isTargets: true },
  stopped: { code: 'upstream_unavailable', isTargets: false },
  unsendable: { code: 'internal_error', isTargets: false },
};

/** What an error of the way to the upstream means for client and target. */
export function failureOf(error: unknown): Failure {
  if (error instanceof ExchangeStopped) return { code: error.code, reason: error.message, isTargets: false };
  if (error instanceof Outage) return { code: error.code, reason: error.message, isTargets: false };
  if (error instanceof WireFault) return { ...FAULTS[error.kind], reason: error.message };
  const code = codeOf(error);
  const isTimeout = code !== undefined && TIMEOUTS.has(code);
  return {
    code: isTimeout ? 'upstream_timeout' : 'upstream_unavailable',
    reason: describe(error),
    isTargets: true,
  };
}

/** The connection ended: the one failure after which an idempotent request may be sent again (RFC 9110 §9.2.2). */
export function isConnectionReset(error: unknown): boolean {
  if (error instanceof WireFault) return error.kind === 'closed';
  const code = codeOf(error);
  return code === 'ECONNRESET' || code === 'EPIPE';
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
