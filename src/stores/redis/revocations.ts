import type { Clock } from '../../base/clock.ts';
import { mergeRevocations } from '../../revocation/merge-revocations.ts';
import { type Revocation, type RevocationId, revocationIdOf } from '../../revocation/revocation.ts';
import type { RevocationStore } from '../../revocation/revocation-store.ts';
import { type Decision, type RedisDatabase, type RedisSteps, unchanged, type Write } from './database.ts';
import { unreadableRecord } from './failures.ts';
import type { RedisKeys } from './keys.ts';
import { defineScript } from './script.ts';
import { checkTime, checkTimes } from './values.ts';

/** Entries read with one question: half a megabyte, and a few milliseconds for the server and for the gateway. */
const READ_AT_ONCE = 2000;
/** Entries forgotten in one step, so that no other command waits long. */
const PRUNED_AT_ONCE = 1000;

/**
 * One page: the records of the ids after ARGV[1], and then the last of these ids. A record that is missing is no JSON. The
 * other ids are in the records: each value that a script hands out costs more than to find it.
 */
const LIST = defineScript(`
local ids = redis.call('ZRANGE', KEYS[2], ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ${READ_AT_ONCE})
if #ids == 0 then return {} end
local page = redis.call('HMGET', KEYS[1], unpack(ids))
for at = 1, #page do page[at] = page[at] or '?' end
page[#page + 1] = ids[#ids]
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
      if (record !== null) addLive(live, JSON.parse(record) as Revocation, now);
    }
  }
  await steps.confirmEpoch();
  return live;
}

/**
 * Page after page in the order of the ids: what is there all the while is told once, whatever changes meanwhile and
 * whichever server answers. Nobody waits for the whole of it: the server looks for the next page while one is read here.
 */
async function readAll(steps: RedisSteps, keys: RedisKeys, now: number): Promise<readonly Revocation[]> {
  const live: Revocation[] = [];
  const ask = (from: string) => steps.run(LIST, [keys.revocations, keys.revocationIds], [from]);
  let asked: Promise<unknown> | undefined = ask('-');
  while (asked !== undefined) {
    const page = (await asked) as string[];
    const last = page.pop();
    asked = page.length < READ_AT_ONCE ? undefined : ask(`(${last}`);
    // Should this page be unreadable, nobody waits for the next one.
    asked?.catch(() => undefined);
    // All at once, which is much faster than one after another.
    const revocations = JSON.parse(`[${page.join(',')}]`) as Revocation[];
    if (revocations.length !== page.length) throw unreadableRecord();
    for (const revocation of revocations) addLive(live, revocation, now);
  }
  await steps.confirmEpoch();
  return live;
}

function addLive(live: Revocation[], revocation: Revocation, now: number): void {
  if (revocation.expiresAt === undefined || revocation.expiresAt > now) live.push(revocation);
}
