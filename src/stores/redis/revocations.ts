import type { Clock } from '../../base/clock.ts';
import { mergeRevocations } from '../../revocation/merge-revocations.ts';
import { type Revocation, type RevocationId, revocationIdOf } from '../../revocation/revocation.ts';
import type { RevocationStore } from '../../revocation/revocation-store.ts';
import { type Decision, type RedisDatabase, type RedisSteps, unchanged, type Write } from './database.ts';
import type { RedisKeys } from './keys.ts';
import { defineScript } from './script.ts';
import { checkTime, checkTimes } from './values.ts';

/** Entries read with one question: half a megabyte, and a few milliseconds for the server and for the gateway. */
const READ_AT_ONCE = 2000;
/** Entries forgotten in one step, so that no other command waits long. */
const PRUNED_AT_ONCE = 1000;

/** One page as `{ id, record, id, record, … }`, of the ids after ARGV[1]. */
const LIST = defineScript(`
local ids = redis.call('ZRANGE', KEYS[2], ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ${READ_AT_ONCE})
if #ids == 0 then return {} end
local page = {}
for at, record in ipairs(redis.call('HMGET', KEYS[1], unpack(ids))) do
  page[2 * at - 1], page[2 * at] = ids[at], record
end
return page
`);

const PRUNE = defineScript(`
local expired = redis.call('ZRANGE', KEYS[3], '-inf', ARGV[1], 'BYSCORE', 'LIMIT', 0, ${PRUNED_AT_ONCE})
for _, id in ipairs(expired) do
  redis.call('HDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
end
return #expired
`);

export function createRevocationStore(database: RedisDatabase, clock: Clock): RevocationStore {
  const { keys } = database;

  function writeRevocation(id: RevocationId, revocation: Revocation): readonly Write[] {
    const { expiresAt } = revocation;
    return [
      ['HSET', keys.revocations, id, JSON.stringify(revocation)],
      ['ZADD', keys.revocationIds, 0, id],
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

    find: (targets, now) =>
      database.perform((steps) => readSome(steps, keys, targets.map(revocationIdOf), now)),

    list: (now) => database.perform((steps) => readAll(steps, keys, now)),

    async remove(id) {
      return database.decide([{ key: keys.revocations, field: id }], ([record]): Decision<boolean> => {
        if (record === undefined) return unchanged(false);
        return {
          answer: true,
          writes: [
            ['HDEL', keys.revocations, id],
            ['ZREM', keys.revocationIds, id],
            ['ZREM', keys.revocationExpiries, id],
          ],
          changes: [{ kind: 'revocationRemoved', id }],
        };
      });
    },

    async prune(now) {
      const until = checkTime(now);
      const names = [keys.revocations, keys.revocationIds, keys.revocationExpiries];
      return database.perform(async (steps) => {
        let pruned = 0;
        let batch: number;
        do {
          batch = Number(await steps.run(PRUNE, names, [until]));
          pruned += batch;
        } while (batch === PRUNED_AT_ONCE);
        return pruned;
      });
    },
  };
}

async function readSome(
  steps: RedisSteps,
  keys: RedisKeys,
  ids: readonly RevocationId[],
  now: number,
): Promise<readonly Revocation[]> {
  const live: Revocation[] = [];
  for (let at = 0; at < ids.length; at += READ_AT_ONCE) {
    const asked = ids.slice(at, at + READ_AT_ONCE);
    const records = (await steps.ask('HMGET', keys.revocations, ...asked)) as (string | null)[];
    for (const record of records) {
      if (record !== null) addLive(live, record, now);
    }
  }
  await steps.confirmEpoch();
  return live;
}

/**
 * Page after page in the order of the ids: what is there all the while is told once, whatever changes meanwhile and
 * whichever server answers. Nobody waits for the whole of it.
 */
async function readAll(steps: RedisSteps, keys: RedisKeys, now: number): Promise<readonly Revocation[]> {
  const live: Revocation[] = [];
  let from = '-';
  for (;;) {
    const page = (await steps.run(LIST, [keys.revocations, keys.revocationIds], [from])) as string[];
    for (let at = 1; at < page.length; at += 2) {
      addLive(live, page[at] ?? '', now);
    }
    if (page.length < 2 * READ_AT_ONCE) break;
    from = `(${page.at(-2)}`;
  }
  await steps.confirmEpoch();
  return live;
}

function addLive(live: Revocation[], record: string, now: number): void {
  const revocation = JSON.parse(record) as Revocation;
  if (revocation.expiresAt === undefined || revocation.expiresAt > now) live.push(revocation);
}
