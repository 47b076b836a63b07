import type { EpochMilliseconds } from '../base/clock.ts';
import type { AttemptRate } from './attempt-store.ts';
import { SMALLEST_ATTEMPT } from './leaky-bucket.ts';

/** A bucket whose sum is older than this is taken for unknown: its next use is told at once. */
const KNOWN_FOR_MILLISECONDS = 1_000;

/**
 * A leaky bucket as this process sees it: what the store said last, and what was admitted here since. Mutable and a class, since
 * every limited request touches one.
 */
export class RateBucket {
  readonly key: string;
  /** As of the latest use. */
  rate: AttemptRate;
  /** It has lost its place among those that are remembered, and must be looked up anew. */
  isForgotten = false;
  /** Its uses wait to be told. */
  isWaiting = false;
  /** A report of it is on its way; there is never a second one. */
  isBeingTold = false;
  #used = 0;
  #at: EpochMilliseconds;
  #untold = 0;
  /** With so many untold uses, all are told at once. */
  #tellAt = 1;
  #learnedAt = Number.NEGATIVE_INFINITY;

  constructor(key: string, rate: AttemptRate, now: EpochMilliseconds) {
    this.key = key;
    this.rate = rate;
    this.#at = now;
  }

  /** Milliseconds until a use is there; 0: one is. */
  waitFor(rate: AttemptRate, now: EpochMilliseconds): number {
    this.#leak(rate, now);
    const excess = this.#used + 1 - rate.count;
    if (excess <= SMALLEST_ATTEMPT) return 0;
    return Math.max(1, Math.ceil((excess * rate.windowMilliseconds) / rate.count + (this.#at - now)));
  }

  /** How many uses are left. */
  remaining(rate: AttemptRate, now: EpochMilliseconds): number {
    this.#leak(rate, now);
    return Math.max(0, Math.floor(rate.count - this.#used + SMALLEST_ATTEMPT));
  }

  /** Milliseconds until nothing is used any more. */
  fullIn(rate: AttemptRate, now: EpochMilliseconds): number {
    this.#leak(rate, now);
    return (this.#used * rate.windowMilliseconds) / rate.count;
  }

  use(rate: AttemptRate, now: EpochMilliseconds): void {
    this.#leak(rate, now);
    this.#used += 1;
    this.#untold += 1;
  }

  /** Whether what is used up since the last answer is so much that other replicas should know now. */
  isUrgent(): boolean {
    return this.#untold >= this.#tellAt || this.#at - this.#learnedAt > KNOWN_FOR_MILLISECONDS;
  }

  hasNews(): boolean {
    return this.#untold > 0;
  }

  /** What is to be told: no more than is not given back already, so that a long outage is not held against anyone afterwards. */
  news(now: EpochMilliseconds): { readonly untold: number; readonly uses: number } {
    this.#leak(this.rate, now);
    return { untold: this.#untold, uses: Math.min(this.#untold, this.#used) };
  }

  /** The store has `untold` now, and says how many are used. What was admitted since it was told comes on top. */
  learn(used: number, untold: number, now: EpochMilliseconds): void {
    this.#untold -= untold;
    this.#used = used + this.#untold;
    this.#at = Math.max(this.#at, now);
    this.#learnedAt = this.#at;
    this.#tellAt = Math.max(1, Math.floor((this.rate.count - this.#used) / 10));
  }

  #leak(rate: AttemptRate, now: EpochMilliseconds): void {
    this.rate = rate;
    if (now <= this.#at) return;
    const given = ((now - this.#at) * rate.count) / rate.windowMilliseconds;
    this.#used = Math.max(0, this.#used - given);
    this.#at = now;
  }
}
