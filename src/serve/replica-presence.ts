import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { KnownReplica } from '../admin/admin-context.ts';
import { StoreUnavailable } from '../base/outage.ts';
import { type ReplicaRegistry, type ReplicaReport, sortReplicas } from '../stores/replica-registry.ts';
import type { Log } from '../telemetry/log.ts';

const ANNOUNCE_EVERY_MILLISECONDS = 5_000;
/** Two announcements may be lost before a replica counts as gone. */
const LIVE_MILLISECONDS = 15_000;

/** That a gateway is there, told to the others on its store. */
export interface ReplicaPresence {
  /** Every replica on the store, this one always; only this one while the store cannot be asked. */
  list(): Promise<readonly KnownReplica[]>;
  /** Lets the others know that it is gone. Never throws: they would notice by themselves. */
  end(): Promise<void>;
}

/** Random too, since in containers with one host name every process may have the same number. */
export function createReplicaId(): string {
  return `${hostname()}:${process.pid}:${randomBytes(3).toString('hex')}`;
}

export function announceReplica(options: {
  readonly registry: ReplicaRegistry;
  readonly report: () => ReplicaReport;
  readonly log: Log;
}): ReplicaPresence {
  const { registry, report, log } = options;
  let announcing: Promise<void> | undefined;

  async function announce(): Promise<void> {
    try {
      await registry.announce(report(), LIVE_MILLISECONDS);
    } catch (error) {
      log.debug({ err: error }, 'the other replicas could not be told of this one');
    } finally {
      announcing = undefined;
    }
  }

  function announceUnlessBusy(): void {
    announcing ??= announce();
  }

  announceUnlessBusy();
  const timer = setInterval(announceUnlessBusy, ANNOUNCE_EVERY_MILLISECONDS).unref();

  return {
    async list() {
      const self = { ...report(), isSelf: true };
      try {
        const others = (await registry.list()).filter(({ id }) => id !== self.id);
        return sortReplicas([self, ...others.map((other) => ({ ...other, isSelf: false }))]);
      } catch (error) {
        if (error instanceof StoreUnavailable) return [self];
        throw error;
      }
    },
    async end() {
      clearInterval(timer);
      // Else it might come after the withdrawal.
      await announcing;
      try {
        await registry.withdraw(report().id);
      } catch (error) {
        log.debug({ err: error }, 'the other replicas could not be told that this one is gone');
      }
    },
  };
}
