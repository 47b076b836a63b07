import { median } from '../../measure/percentile.ts';

/** What was read at one moment. */
export interface Reading {
  /** Milliseconds of any one clock. */
  readonly atMs: number;
  readonly value: number;
}

/** Growth that is no leak: what a heap may settle by. The larger one counts. */
export interface Allowance {
  /** Of the median of the second quarter. */
  readonly share: number;
  readonly least: number;
}

export type Flatness =
  | { readonly kind: 'tooFew'; readonly readings: number }
  | {
      readonly kind: 'judged';
      readonly isFlat: boolean;
      /** Median of the second quarter, and of the last one. */
      readonly early: number;
      readonly late: number;
      /** What the line of least squares through the second half grows by, from the half to the end. */
      readonly growthOfLine: number;
      /** `late - early`. */
      readonly growthOfMedians: number;
      readonly allowed: number;
    };

/** Fewer in a quarter would make its median a matter of chance. */
const READINGS_PER_QUARTER = 6;

/**
 * A steady leak moves both the line through the second half and the medians of its quarters, and by the same amount. One step early on
 * moves the medians alone, and a swing at the very end the line alone: neither is a leak, so that both have to grow by more than
 * is allowed. The first quarter never counts: caches fill and code is compiled. Readings are in the order of time.
 */
export function judgeFlatness(readings: readonly Reading[], allowance: Allowance): Flatness {
  const quarter = Math.floor(readings.length / 4);
  if (quarter < READINGS_PER_QUARTER) return { kind: 'tooFew', readings: readings.length };
  const early = medianOf(readings.slice(quarter, 2 * quarter));
  const late = medianOf(readings.slice(-quarter));
  const half = readings.slice(2 * quarter);
  const growthOfLine = slopeOf(half) * ((half.at(-1)?.atMs ?? 0) - (half[0]?.atMs ?? 0));
  const growthOfMedians = late - early;
  const allowed = Math.max(allowance.least, allowance.share * early);
  const isFlat = Math.min(growthOfLine, growthOfMedians) <= allowed;
  return { kind: 'judged', isFlat, early, late, growthOfLine, growthOfMedians, allowed };
}

/**
 * The least of each span of `spanMs`: of a heap that is collected now and then, what it holds on to. A span that has not ended counts
 * too.
 */
export function floorsOf(readings: readonly Reading[], spanMs: number): readonly Reading[] {
  const spans = Map.groupBy(readings, ({ atMs }) => Math.floor(atMs / spanMs));
  return [...spans.values()].map((span) =>
    span.reduce((least, reading) => (reading.value < least.value ? reading : least)),
  );
}

function medianOf(readings: readonly Reading[]): number {
  return median(readings.map(({ value }) => value)) ?? 0;
}

/** Of the line of least squares: value per millisecond. */
function slopeOf(readings: readonly Reading[]): number {
  const meanAt = readings.reduce((sum, { atMs }) => sum + atMs, 0) / readings.length;
  const meanValue = readings.reduce((sum, { value }) => sum + value, 0) / readings.length;
  let covariance = 0;
  let variance = 0;
  for (const { atMs, value } of readings) {
    covariance += (atMs - meanAt) * (value - meanValue);
    variance += (atMs - meanAt) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}
