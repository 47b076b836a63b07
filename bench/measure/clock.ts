/** Milliseconds of the monotonic clock of the machine: comparable across processes, unlike `performance.now()`. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
