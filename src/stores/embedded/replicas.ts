import type { Clock } from '../../base/clock.ts';
import { checkLife, type ReplicaRegistry, type ReplicaReport, sortReplicas } from '../replica-registry.ts';
import type { Database } from './database.ts';

/** In memory: one process has the file, and there is nobody else to tell. */
export function createReplicaRegistry(database: Database, clock: Clock): ReplicaRegistry {
  const announced = new Map<string, { readonly report: ReplicaReport; readonly until: number }>();

  function forgetExpired(): void {
    const now = clock();
    for (const [id, { until }] of announced) if (until <= now) announced.delete(id);
  }

  return {
    announce: (report, liveMilliseconds) =>
      database.read(() => {
        const until = clock() + checkLife(liveMilliseconds);
        forgetExpired();
        announced.set(report.id, { report, until });
      }),

    list: () =>
      database.read(() => {
        forgetExpired();
        return sortReplicas(Array.from(announced.values(), ({ report }) => report));
      }),

    withdraw: (id) =>
      database.read(() => {
        announced.delete(id);
      }),
  };
}
