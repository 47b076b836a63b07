/** Nearest-rank percentile of numbers in any order; `fraction` in [0, 1]. `undefined` for no numbers. */
export function percentile(values: readonly number[], fraction: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.ceil(fraction * sorted.length);
  return sorted[Math.max(0, rank - 1)];
}

export function median(values: readonly number[]): number | undefined {
  return percentile(values, 0.5);
}
