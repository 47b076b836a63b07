/** When a target counts as out, and for how long requests leave it alone. */
export interface HealthRules {
  /** Failed checks or requests in a row that take it out. */
  readonly failures: number;
  readonly ejectMilliseconds: number;
}

/** An error weighs like a request in flight, and half as much after this time. */
const ERROR_HALF_LIFE_MILLISECONDS = 2_000;

/**
 * What is known of a target. Requests (passive) and checks (active) each take it out by themselves; requests let it
 * back by one trial after the ejection, checks by the first one that succeeds. It survives configuration reloads.
 */
export class TargetHealth {
  readonly #changed: (isHealthy: boolean) => void;
  #failedRequests = 0;
  #failedChecks = 0;
  #isOutByChecks = false;
  /** Epoch milliseconds; 0 = not ejected. */
  #ejectedUntil = 0;
  #isOnTrial = false;
  /** As of `#erredAt`. */
  #errors = 0;
  #erredAt = 0;

  constructor(changed: (isHealthy: boolean) => void) {
    this.#changed = changed;
  }

  get isHealthy(): boolean {
    return !this.#isOutByChecks && this.#ejectedUntil === 0;
  }

  /** Whether a request may go there: it is healthy, or its ejection is over and nobody tries it yet. */
  admits(now: number): boolean {
    if (this.#isOutByChecks) return false;
    return this.#ejectedUntil === 0 || (now >= this.#ejectedUntil && !this.#isOnTrial);
  }

  /**
   * Errors of late, as that many requests in flight: a target that fails quickly is never busy, and would draw the requests of
   * all others.
   */
  burden(now: number): number {
    return this.#errors === 0 ? 0 : Math.round(this.#errorsAt(now));
  }

  #errorsAt(now: number): number {
    const errors = this.#errors * 2 ** ((this.#erredAt - now) / ERROR_HALF_LIFE_MILLISECONDS);
    if (errors < 0.5) this.#errors = 0;
    return errors;
  }

  /** It answered 5xx, which takes it out for nobody: a request may make every target do so. */
  erred(now: number): void {
    this.#errors = this.#errorsAt(now) + 1;
    this.#erredAt = now;
  }

  requestStarted(): void {
    if (this.#ejectedUntil !== 0) this.#isOnTrial = true;
  }

  /** A head was answered, whatever its status: the application speaks for itself. */
  requestSucceeded(): void {
    if (this.#failedRequests === 0) return;
    this.#change(() => {
      this.#failedRequests = 0;
      this.#ejectedUntil = 0;
      this.#isOnTrial = false;
    });
  }

  /** Refused, broken, late or not HTTP. */
  requestFailed(now: number, rules: HealthRules): void {
    this.erred(now);
    this.#change(() => {
      this.#failedRequests += 1;
      this.#isOnTrial = false;
      if (this.#failedRequests >= rules.failures) this.#ejectedUntil = now + rules.ejectMilliseconds;
    });
  }

  /** The request says nothing of the target: its client left. The next one may try. */
  requestAbandoned(): void {
    this.#isOnTrial = false;
  }

  checked(succeeded: boolean, rules: HealthRules): void {
    this.#change(() => {
      this.#failedChecks = succeeded ? 0 : this.#failedChecks + 1;
      this.#isOutByChecks = !succeeded && (this.#isOutByChecks || this.#failedChecks >= rules.failures);
    });
  }

  /** Checks are no longer configured: what they found is forgotten. */
  checksEnded(): void {
    this.#change(() => {
      this.#failedChecks = 0;
      this.#isOutByChecks = false;
    });
  }

  #change(step: () => void): void {
    const before = this.isHealthy;
    step();
    if (this.isHealthy !== before) this.#changed(this.isHealthy);
  }
}
