/** What the load process can be told to do, and what it answers. Both cross the process border as JSON. */

interface LoadOrder {
  readonly port: number;
  /** Whole requests, latin1, sent in turn over all connections. At least one. */
  readonly requests: readonly string[];
  readonly connections: number;
  /** Load without measuring, first. */
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** Each connection sends its next request as soon as it has its answer. */
export interface ClosedLoopOrder extends LoadOrder {
  readonly kind: 'closedLoop';
  /** Processes whose CPU time is read at the ends of each window. */
  readonly pids: readonly number[];
  readonly windowMs: number;
  /** Each request is a WebSocket handshake, sent once; what is sent and answered then are small messages. */
  readonly webSocket?: true;
}

/** Requests are due at a fixed rate, whether or not earlier ones were answered. */
export interface FixedRateOrder extends LoadOrder {
  readonly kind: 'fixedRate';
  readonly ratePerSecond: number;
}

/** Requests are due at a fixed rate, which may be more than the target can answer. */
export interface OverloadOrder extends LoadOrder {
  readonly kind: 'overload';
  readonly ratePerSecond: number;
}

/** Latencies in microseconds, each counted from the moment at which its request was due. */
export interface OverloadOutcome {
  readonly admitted: readonly number[];
  /** With 503. */
  readonly refused: readonly number[];
  /** Requests that were due and had no answer at the end. */
  readonly unanswered: number;
}

/** Opens connections, asks once on each, and leaves them open. */
export interface HoldOrder {
  readonly kind: 'hold';
  readonly port: number;
  readonly request: string;
  readonly connections: number;
}

/** Closes what is held. */
export interface ReleaseOrder {
  readonly kind: 'release';
}

/** One window of closed-loop load. */
export interface Window {
  /** Milliseconds of the monotonic clock, which all processes share. */
  readonly startMs: number;
  readonly endMs: number;
  readonly responses: number;
  readonly cpuMicroseconds: number;
}

export interface Orders {
  readonly closedLoop: { readonly order: ClosedLoopOrder; readonly outcome: readonly Window[] };
  /** Latencies in microseconds, each counted from the moment at which its request was due. */
  readonly fixedRate: { readonly order: FixedRateOrder; readonly outcome: readonly number[] };
  readonly overload: { readonly order: OverloadOrder; readonly outcome: OverloadOutcome };
  readonly hold: { readonly order: HoldOrder; readonly outcome: null };
  /** How many were still open. */
  readonly release: { readonly order: ReleaseOrder; readonly outcome: number };
}

export type Order = Orders[keyof Orders]['order'];

/** `failed` = the target misbehaved; `reason` says how. */
export type Answer =
  | { readonly kind: 'done'; readonly outcome: Orders[keyof Orders]['outcome'] }
  | { readonly kind: 'failed'; readonly reason: string };
