import type { Window } from '../load/orders.ts';
import { median, percentile } from '../measure/percentile.ts';
import type { ProbeReading } from './client.ts';

/** A window is quiet when its typical probe took at most this much longer than the fast probes of the run. */
const TOLERANCE = 1.05;
/** Which probes of the run are fast: not the very fastest, which no window can match by its median. */
const FAST = 0.1;

/** The windows during which nothing outside slowed the core down. `readings` are in the order of time. */
export function quietWindows(
  windows: readonly Window[],
  readings: readonly ProbeReading[],
): readonly Window[] {
  const fast = percentile(
    readings.map((reading) => reading.microseconds),
    FAST,
  );
  if (fast === undefined) return [];
  return windows.filter((window) => {
    const inside = readings.filter(({ atMs }) => atMs >= window.startMs && atMs < window.endMs);
    const typical = median(inside.map((reading) => reading.microseconds));
    return typical !== undefined && typical <= fast * TOLERANCE;
  });
}
