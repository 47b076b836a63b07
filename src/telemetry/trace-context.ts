import { randomFillSync } from 'node:crypto';

/** `version-traceid-parentid-flags` (W3C Trace Context §3.2.2). Versions after 00 may append members. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/s;
const ZERO_TRACE = '0'.repeat(32);
const ZERO_SPAN = '0'.repeat(16);
/** Bits of the flags that we know and hand on: sampled (level 1) and random trace id (level 2). */
const KNOWN_FLAGS = 0b11;

const POOL_BYTES = 8192;
const pool = Buffer.allocUnsafe(POOL_BYTES);
let used = POOL_BYTES;

/** Random hex digits from a pool, since a system call per request is dear. Ids need no secrecy, only uniqueness. */
function randomHex(bytes: number): string {
  if (used + bytes > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}

/** An id of zeros alone is invalid (§3.2.2.3). */
function randomId(bytes: number, zero: string): string {
  let id = randomHex(bytes);
  while (id === zero) id = randomHex(bytes);
  return id;
}

export interface TraceContext {
  /** To forward: the trace continued with a span id of its own. */
  readonly traceparent: string;
  /** 32 hex digits, for the log. */
  readonly traceId: string;
  /** False: a new trace, with which a received `tracestate` must not be forwarded (§3.3). */
  readonly isContinued: boolean;
}

/**
 * Continues the trace of a received `traceparent`. An absent or malformed one starts a new trace, marked as sampled so
 * that an upstream which follows its parent's decision still traces what it traced before.
 */
export function continueTrace(traceparent: string | undefined): TraceContext {
  const spanId = randomId(8, ZERO_SPAN);
  const received = traceparent === undefined ? undefined : readTraceparent(traceparent);
  if (received === undefined) {
    const traceId = randomId(16, ZERO_TRACE);
    return { traceparent: `00-${traceId}-${spanId}-01`, traceId, isContinued: false };
  }
  return {
    traceparent: `00-${received.traceId}-${spanId}-0${received.flags}`,
    traceId: received.traceId,
    isContinued: true,
  };
}

function readTraceparent(text: string): { readonly traceId: string; readonly flags: number } | undefined {
  const match = TRACEPARENT.exec(text);
  if (match === null) return undefined;
  const [, version, traceId = ZERO_TRACE, parentId, flags = '00', appended] = match;
  if (version === 'ff' || (version === '00' && appended !== undefined)) return undefined;
  if (traceId === ZERO_TRACE || parentId === ZERO_SPAN) return undefined;
  return { traceId, flags: Number.parseInt(flags, 16) & KNOWN_FLAGS };
}
