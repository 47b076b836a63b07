/** What a check found. `detail` is one line for the operator; it names no secret. */
export interface CheckResult {
  readonly isOk: boolean;
  readonly detail?: string;
}

export interface ReadinessCheck {
  /** One word, e.g. `store`. */
  readonly name: string;
  /** `required`: traffic must not come while it fails. `informational`: it is only told. */
  readonly effect: 'required' | 'informational';
  check(): CheckResult | Promise<CheckResult>;
}

export interface CheckReport extends CheckResult {
  readonly name: string;
  readonly effect: ReadinessCheck['effect'];
}

export interface ReadinessReport {
  readonly isReady: boolean;
  readonly checks: readonly CheckReport[];
}

/** Whether this process should get traffic. The composition root fills it with checks. */
export interface Readiness {
  add(check: ReadinessCheck): void;
  /** From now on it is not ready, whatever the checks say: the first step of a shutdown. */
  drain(): void;
  report(): Promise<ReadinessReport>;
}

/** A check that hangs must not hang the probe too, whose time is short. */
const CHECK_MILLISECONDS = 2000;

/** Asked together; one that throws or takes too long has failed. */
export function createReadiness(checkMilliseconds = CHECK_MILLISECONDS): Readiness {
  const checks: ReadinessCheck[] = [];
  let isDraining = false;
  return {
    add: (check) => {
      checks.push(check);
    },
    drain() {
      isDraining = true;
    },
    async report() {
      const draining: CheckReport = {
        name: 'shutdown',
        effect: 'required',
        isOk: !isDraining,
        ...(isDraining && { detail: 'shutting down' }),
      };
      const reports = await Promise.all(checks.map((check) => runCheck(check, checkMilliseconds)));
      const all = [draining, ...reports];
      return { isReady: all.every(({ effect, isOk }) => isOk || effect === 'informational'), checks: all };
    },
  };
}

async function runCheck(check: ReadinessCheck, milliseconds: number): Promise<CheckReport> {
  const { name, effect } = check;
  const late = Promise.withResolvers<CheckResult>();
  const timer = setTimeout(() => late.resolve({ isOk: false, detail: 'no answer in time' }), milliseconds);
  try {
    return { name, effect, ...(await Promise.race([askCheck(check), late.promise])) };
  } catch (error) {
    return { name, effect, isOk: false, detail: error instanceof Error ? error.message : 'failed' };
  } finally {
    clearTimeout(timer);
  }
}

/** A check may throw before it returns a promise. */
async function askCheck(check: ReadinessCheck): Promise<CheckResult> {
  return check.check();
}
