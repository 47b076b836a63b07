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
}

/** Requests are due at a fixed rate, whether or not earlier ones were answered. */
export interface FixedRateOrder extends LoadOrder {
  readonly kind: 'fixedRate';
  readonly ratePerSecond: number;
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
}

export type Order = Orders[keyof Orders]['order'];

/** `failed` = the target misbehaved; `reason` says how. */
export type Answer =
  | { readonly kind: 'done'; readonly outcome: Orders[keyof Orders]['outcome'] }
  | { readonly kind: 'failed'; readonly reason: string };
