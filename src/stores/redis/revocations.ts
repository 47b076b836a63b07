import type { Clock } from '../../base/clock.ts';
import { StoreUnavailable } from '../../base/outage.ts';
import { mergeRevocations } from '../../revocation/merge-revocations.ts';
import { type Revocation, type RevocationId, revocationIdOf } from '../../revocation/revocation.ts';
import type { RevocationStore } from '../../revocation/revocation-store.ts';
import { type Decision, type RedisDatabase, type RedisSteps, unchanged, type Write } from './database.ts';
import type { RedisKeys } from './keys.ts';
import { defineScript } from './script.ts';
import { checkTime, checkTimes } from './values.ts';

/** Entries read with one question: about a megabyte. */
const READ_AT_ONCE = 5000;
/** Entries forgotten in one step, so that no other command waits long. */
const PRUNED_AT_ONCE = 1000;
const READ_ATTEMPTS = 5;

const PRUNE = defineScript(`
local expired = redis.call('ZRANGE', KEYS[2], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ${PRUNED_AT_ONCE})
for _, id in ipairs(expired) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return #expired
`);

export function createRevocationStore(database: RedisDatabase, clock: Clock): RevocationStore {
  const { keys } = database;

  function writeRevocation(id: RevocationId, revocation: Revocation): readonly Write[] {
    const { expiresAt } = revocation;
    return [
      ['HSET', keys.revocations, id, JSON.stringify(revocation)],
      expiresAt === undefined
        ? ['ZREM', keys.revocationExpiries, id]
        : ['ZADD', keys.revocationExpiries, expiresAt, id],
    ];
  }

  return {
    async add(added) {
      checkTimes({ ...added }, ['issuedBefore', 'expiresAt', 'revokedAt']);
      const id = revocationIdOf(added.target);
      return database.decide(
        [{ key: keys.revocations, field: id }],
        ([record]) => {
          const existing = record === undefined ? undefined : (JSON.parse(record) as Revocation);
          const isLive = existing !== undefined && (existing.expiresAt ?? Infinity) > clock();
          const revocation = isLive ? mergeRevocations(existing, added) : added;
          return {
            answer: revocation,
            writes: writeRevocation(id, revocation),
            changes: [{ kind: 'revocationAdded', revocation }],
          };
        },
        'assumeAbsent',
      );
    },

    async list(now) {
      const entries = await database.perform((steps) => readAll(steps, keys));
      return [...entries]
        .filter(([, { expiresAt }]) => expiresAt === undefined || expiresAt > now)
        .toSorted(([one], [other]) => (one < other ? -1 : 1))
        .map(([, revocation]) => revocation);
    },

    async remove(id) {
      return database.decide([{ key: keys.revocations, field: id }], ([record]): Decision<boolean> => {
        if (record === undefined) return unchanged(false);
        return {
          answer: true,
          writes: [
            ['HDEL', keys.revocations, id],
            ['ZREM', keys.revocationExpiries, id],
          ],
          changes: [{ kind: 'revocationRemoved', id }],
        };
      });
    },

    async prune(now) {
      const until = checkTime(now);
      return database.perform(async (steps) => {
        let pruned = 0;
        let batch: number;
        do {
          batch = Number(await steps.run(PRUNE, [keys.revocations, keys.revocationExpiries], [until]));
          pruned += batch;
        } while (batch === PRUNED_AT_ONCE);
        return pruned;
      });
    },
  };
}

/**
 * Every entry that is there all the while. The cursor of an iteration means nothing to another server, and a slot may
 * move without a connection being lost: what is then left out shows in the count, and all is read again.
 */
async function readAll(steps: RedisSteps, keys: RedisKeys): Promise<ReadonlyMap<string, Revocation>> {
  for (let attempt = 0; attempt < READ_ATTEMPTS; attempt += 1) {
    const before = Number(await steps.ask('HGET', keys.feed, 'made'));
    const entries = await steps.iterate(() => scan(steps, keys));
    const length = Number(await steps.ask('HLEN', keys.revocations));
    const addedAtMost = Number(await steps.ask('HGET', keys.feed, 'made')) - before;
    if (entries.size + addedAtMost >= length) return entries;
  }
  throw new StoreUnavailable('The Redis store failed: the revocations could not be read as a whole.');
}

/** It may tell an entry twice. */
async function scan(steps: RedisSteps, keys: RedisKeys): Promise<ReadonlyMap<string, Revocation>> {
  const entries = new Map<string, Revocation>();
  let cursor = '0';
  do {
    const answer = await steps.ask('HSCAN', keys.revocations, cursor, 'COUNT', READ_AT_ONCE);
    const [next, page] = answer as [string, string[]];
    for (let at = 0; at < page.length; at += 2) {
      entries.set(page[at] ?? '', JSON.parse(page[at + 1] ?? '') as Revocation);
    }
    cursor = next;
  } while (cursor !== '0');
  return entries;
}
