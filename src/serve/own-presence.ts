import type { EpochMilliseconds } from '../base/clock.ts';
import { readVersion } from '../base/version.ts';
import type { Foundation } from './foundation.ts';
import type { Generations } from './generations.ts';
import { announceReplica, createReplicaId, type ReplicaPresence } from './replica-presence.ts';

/** Tells the others on the store of this process, from now on. */
export function announceThisProcess(
  foundation: Foundation,
  generations: Generations,
  startedAt: EpochMilliseconds,
): ReplicaPresence {
  const { stores, revocations, clock, log } = foundation;
  const id = createReplicaId();
  const version = readVersion();
  return announceReplica({
    registry: stores.replicas,
    report: () => ({
      id,
      version,
      revision: generations.current().revision,
      startedAt,
      lagMilliseconds: revocations.lag(clock()),
    }),
    log,
  });
}
