import type { Outcome } from '../judge/rules.ts';

/** What the process of the steady load is told. */
export type SteadyOrder =
  | {
      readonly kind: 'begin';
      readonly port: number;
      readonly ratePerSecond: number;
      readonly connections: number;
      /** The whole request, latin1. */
      readonly request: string;
    }
  | { readonly kind: 'end' };

/** What it saw since its last report. Times are of the monotonic clock. */
export interface SteadyReport {
  /** When the first of these was sent, and when the last one was answered. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly outcomes: readonly (readonly [Outcome, number])[];
  /** Milliseconds from when it was due; `undefined` without any answer. */
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** All are answered and every connection is closed. */
  readonly isLast: boolean;
}
