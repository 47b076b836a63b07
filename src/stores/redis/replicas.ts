import { checkLife, type ReplicaRegistry, type ReplicaReport, sortReplicas } from '../replica-registry.ts';
import type { RedisDatabase, RedisSteps } from './database.ts';
import { defineScript } from './script.ts';

/**
 * ARGV: id, report, life, and the other ids that were known; KEYS: the set of ids, the key of this report, those of the
 * others. Takes out the ids whose report has gone by itself, and lets the set live as long as the last report.
 */
const ANNOUNCE_REPLICA = defineScript(`
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
redis.call('SADD', KEYS[1], ARGV[1])
for at = 3, #KEYS do
  if redis.call('EXISTS', KEYS[at]) == 0 then redis.call('SREM', KEYS[1], ARGV[at + 1]) end
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 1
`);

const WITHDRAW_REPLICA = defineScript(`
redis.call('DEL', KEYS[2])
return redis.call('SREM', KEYS[1], ARGV[1])
`);

export function createReplicaRegistry(database: RedisDatabase): ReplicaRegistry {
  const { keys } = database;
  const keyOf = (id: string) => keys.replica(id);

  async function knownIds(steps: RedisSteps): Promise<readonly string[]> {
    return (await steps.ask('SMEMBERS', keys.replicaIds)) as string[];
  }

  return {
    async announce(report, liveMilliseconds) {
      const life = Math.ceil(checkLife(liveMilliseconds));
      await database.perform(async (steps) => {
        const others = (await knownIds(steps)).filter((id) => id !== report.id);
        await steps.run(
          ANNOUNCE_REPLICA,
          [keys.replicaIds, ...[report.id, ...others].map(keyOf)],
          // JSON writes an infinite lag as null.
          [report.id, JSON.stringify(report), life, ...others],
        );
      });
    },

    list: () =>
      database.perform(async (steps) => {
        const ids = await knownIds(steps);
        if (ids.length === 0) return [];
        const records = (await steps.ask('MGET', ...ids.map(keyOf))) as (string | null)[];
        return sortReplicas(records.filter((record) => record !== null).map(readReport));
      }),

    async withdraw(id) {
      await database.run(WITHDRAW_REPLICA, [keys.replicaIds, keyOf(id)], [id]);
    },
  };
}

function readReport(record: string): ReplicaReport {
  const report = JSON.parse(record) as ReplicaReport & { readonly lagMilliseconds: number | null };
  return { ...report, lagMilliseconds: report.lagMilliseconds ?? Number.POSITIVE_INFINITY };
}
