/** Tells which requests a process that cannot keep up takes in, so that those it takes are answered in time. */
export interface LoadShedder {
  /** Whether the next request may begin. */
  admits(): boolean;
  /** The share of requests that may begin, over 0 and at most 1. */
  readonly share: number;
  close(): void;
}

/** A process that does nothing would otherwise wake up more often than it has to. */
const LOOK_MILLISECONDS = 20;
/** Lateness has to stand for this long, and this many looks: one collection of garbage is no overload. */
const STANDING_MILLISECONDS = 100;
const STANDING_LOOKS = 3;

/**
 * It is not requests that hold the process up where fewer come in that time, or where it has nothing to do for more than this part of it:
 * then the machine is short of CPU for others' work, and to refuse requests would help nobody.
 */
const STANDING_REQUESTS = 20;
const MOST_IDLE = 0.2;

/** Some always pass: how late the process runs is only seen while it works. */
const SMALLEST_SHARE = 0.05;
/** At most halved at once, and at least this much less. */
const STEEPEST_CUT = 0.5;
const GENTLEST_CUT = 0.9;
/** Given back at each quiet moment: from the half to all in two and a half seconds. */
const GIVEN_BACK = 0.02;

/**
 * The share that is admitted, by how late the process runs. Requests wait for the event loop as long as its turns take, so that the
 * lateness of a timer is what they waited. As CoDel (RFC 8289) does, only lateness that never left in a while counts; the
 * share falls in proportion to it, and rises in small steps.
 */
export class AdmittedShare {
  readonly #target: number;
  #share = 1;
  #credit = 0;
  #looks = 0;
  #requests = 0;
  #elapsed = 0;
  #idle = 0;
  #least = Number.POSITIVE_INFINITY;

  /** `target`: milliseconds that requests may have to wait, all the time. */
  constructor(target: number) {
    this.#target = target;
  }

  get share(): number {
    return this.#share;
  }

  /** Spreads refusals evenly. */
  admits(): boolean {
    this.#requests += 1;
    if (this.#share === 1) return true;
    this.#credit += this.#share;
    if (this.#credit < 1) return false;
    this.#credit -= 1;
    return true;
  }

  /** A timer ran `lateness` milliseconds late; `elapsed` of them since the last look, in which the event loop waited for `idle`. */
  look(lateness: number, idle: number, elapsed: number): void {
    this.#elapsed += elapsed;
    this.#idle += idle;
    this.#least = Math.min(this.#least, lateness);
    this.#looks += 1;
    if (this.#looks < STANDING_LOOKS || this.#elapsed < STANDING_MILLISECONDS) return;
    const isByRequests = this.#requests >= STANDING_REQUESTS && this.#idle <= this.#elapsed * MOST_IDLE;
    this.#turn(isByRequests ? this.#least : 0);
    this.#looks = 0;
    this.#requests = 0;
    this.#elapsed = 0;
    this.#idle = 0;
    this.#least = Number.POSITIVE_INFINITY;
  }

  #turn(standing: number): void {
    if (standing > this.#target) {
      const cut = Math.min(GENTLEST_CUT, Math.max(STEEPEST_CUT, this.#target / standing));
      this.#share = Math.max(SMALLEST_SHARE, this.#share * cut);
    } else {
      this.#share = Math.min(1, this.#share + GIVEN_BACK);
    }
  }
}

export interface LoadShedderParts {
  /** Milliseconds that requests may have to wait, all the time. */
  readonly target: number;
  /** Refusing has begun, or is over after this many refusals. */
  readonly began: () => void;
  readonly ended: (refused: number) => void;
}

export function createLoadShedder({ target, began, ended }: LoadShedderParts): LoadShedder {
  const admitted = new AdmittedShare(target);
  let refused = 0;
  let isShedding = false;
  let last = performance.now();
  let lastIdle = performance.eventLoopUtilization().idle;
  const timer = setInterval(() => {
    const now = performance.now();
    const { idle } = performance.eventLoopUtilization();
    admitted.look(Math.max(0, now - last - LOOK_MILLISECONDS), idle - lastIdle, now - last);
    last = now;
    lastIdle = idle;
    if (admitted.share === 1 && isShedding) {
      isShedding = false;
      ended(refused);
      refused = 0;
    } else if (admitted.share < 1 && !isShedding) {
      isShedding = true;
      began();
    }
  }, LOOK_MILLISECONDS).unref();
  return {
    admits() {
      const isAdmitted = admitted.admits();
      if (!isAdmitted) refused += 1;
      return isAdmitted;
    },
    get share() {
      return admitted.share;
    },
    close: () => clearInterval(timer),
  };
}
