/** How slowly a client may send the body of a request. */
export interface PaceRules {
  /** Longest pause; 0 = for ever. */
  readonly idleMilliseconds: number;
  /** Fewest bytes per second, over each window of `idleMilliseconds`; 0 = any. */
  readonly bytesPerSecond: number;
}

/** Where pauses have no limit, rates are measured over this time. */
const WINDOW_MILLISECONDS = 30_000;

/**
 * Watches how fast a body arrives. One timer looks now and then; a chunk costs it an addition and a look at the clock.
 * Time in which the upstream is the slow one does not count.
 */
export class BodyPace {
  readonly #rules: PaceRules;
  readonly #window: number;
  /** Called once, with the reason. */
  readonly #tooSlow: (reason: string) => void;
  #timer: NodeJS.Timeout | undefined;
  #pending: NodeJS.Immediate | undefined;
  #isPaused = false;
  #begunAt = performance.now();
  #latestAt = this.#begunAt;
  /** Bytes of this window. */
  #bytes = 0;

  constructor(rules: PaceRules, tooSlow: (reason: string) => void) {
    this.#rules = rules;
    this.#window = rules.idleMilliseconds === 0 ? WINDOW_MILLISECONDS : rules.idleMilliseconds;
    this.#tooSlow = tooSlow;
    if (rules.idleMilliseconds > 0 || rules.bytesPerSecond > 0) this.#lookIn(this.#window);
  }

  came(bytes: number): void {
    this.#bytes += bytes;
    this.#latestAt = performance.now();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#latestAt = performance.now();
    this.#beginWindow(this.#latestAt);
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#pending);
  }

  #lookIn(milliseconds: number): void {
    this.#timer = setTimeout(() => this.#look(), Math.max(1, Math.ceil(milliseconds)));
  }

  #beginWindow(now: number): void {
    this.#begunAt = now;
    this.#bytes = 0;
  }

  #look(): void {
    // Of a process that was busy, the timers run before what has arrived meanwhile is read.
    if (this.#fault(performance.now()) === undefined) this.#goOn();
    else this.#pending = setImmediate(() => this.#judge());
  }

  #judge(): void {
    const fault = this.#fault(performance.now());
    if (fault === undefined) this.#goOn();
    else this.#tooSlow(fault);
  }

  #fault(now: number): string | undefined {
    const { idleMilliseconds, bytesPerSecond } = this.#rules;
    if (this.#isPaused) return undefined;
    if (idleMilliseconds > 0 && now - this.#latestAt >= idleMilliseconds)
      return 'the request body stopped arriving';
    return now - this.#begunAt >= this.#window && this.#bytes * 1000 < bytesPerSecond * this.#window
      ? `the request body arrived more slowly than ${bytesPerSecond} bytes per second`
      : undefined;
  }

  #goOn(): void {
    const { idleMilliseconds } = this.#rules;
    const now = performance.now();
    if (this.#isPaused) {
      this.#lookIn(this.#window);
      return;
    }
    if (now - this.#begunAt >= this.#window) this.#beginWindow(now);
    const untilIdle = idleMilliseconds === 0 ? this.#window : this.#latestAt + idleMilliseconds - now;
    this.#lookIn(Math.min(untilIdle, this.#begunAt + this.#window - now));
  }
}
