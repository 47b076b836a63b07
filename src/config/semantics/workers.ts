import type { Report } from '../report.ts';
import type { Settings } from '../schema/config.ts';

/** Several processes need a store that they can share. */
export function checkWorkers({ workers, store }: Settings, report: Report): void {
  if (workers !== 1 && store.redis === undefined)
    report.problem(['workers'], {
      found: `${workers} with the embedded store, whose file one process has to itself`,
      expected: '1, or a store that processes share (store.redis)',
    });
}
