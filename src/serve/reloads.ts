import type { ReloadReport } from '../admin/admin-context.ts';
import type { ReloadCause } from './generations.ts';

/** Reloads of a whole gateway. */
export interface Reloads {
  /** Never throws. */
  reload(cause: ReloadCause): Promise<ReloadReport>;
  /** What has begun goes on; no further one begins by itself. */
  close(): void;
}

/** Doubled with each attempt that follows another. */
const FIRST_PAUSE_MILLISECONDS = 250;
const LONGEST_PAUSE_MILLISECONDS = 5000;

/** Makes a reload that failed although nothing is wrong with the file again and again, until it succeeds or another takes its place. */
export function createReloads(attempt: (cause: ReloadCause) => Promise<ReloadReport>): Reloads {
  let next: NodeJS.Timeout | undefined;
  let isClosed = false;

  async function reload(cause: ReloadCause, pause: number): Promise<ReloadReport> {
    clearTimeout(next);
    const report = await attempt(cause);
    if (isClosed || report.outcome !== 'refused' || report.isPassing !== true) return report;
    // Another one may have failed meanwhile: one of the two goes on.
    clearTimeout(next);
    const longer = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS);
    next = setTimeout(() => void reload('noticed', longer), pause).unref();
    return report;
  }

  return {
    reload: (cause) => reload(cause, FIRST_PAUSE_MILLISECONDS),
    close() {
      isClosed = true;
      clearTimeout(next);
    },
  };
}
