import { createHash } from 'node:crypto';
import type { SealedJar } from '../../sessions/jar.ts';
import { endOfSession, type Session, type SessionId } from '../../sessions/session.ts';
import type { SessionFilter, SessionStore } from '../../sessions/session-store.ts';
import {
  checkFirstJar,
  checkNextJar,
  checkSameOwner,
  checkSession,
  takenSuccessor,
} from '../session-checks.ts';
import { type Decision, type Field, type RedisDatabase, unchanged, type Write } from './database.ts';
import type { RedisKeys } from './keys.ts';
import { defineScript } from './script.ts';
import { readJar, readSession, writeJar, writeSession } from './session-record.ts';
import { checkCount, checkTime } from './values.ts';

/** Sessions read with one question: a quarter of a megabyte, and about a millisecond for the server. */
const READ_AT_ONCE = 300;
/** So that a short page does not become many questions when few of the sessions read are wanted. */
const READ_AT_LEAST = 50;
/** Sessions forgotten in one step: two or three milliseconds, so that no other command waits long. */
const PRUNED_AT_ONCE = 250;

/** KEYS: sessions, jars. Both in one step, so that a session is never told without its jar. */
const FIND = defineScript(`
return { redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[2], ARGV[1]) }
`);

/** KEYS: sessions, index. ARGV: first and last member, limit, length of what stands before the id. One page as ids and records. */
const LIST = defineScript(`
local members = redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])
if #members == 0 then return { {}, {} } end
local ids = {}
for at, member in ipairs(members) do ids[at] = member:sub(ARGV[4] + 1) end
return { ids, redis.call('HMGET', KEYS[1], unpack(ids)) }
`);

/**
 * KEYS: sessions, jars, expiries, index. ARGV: the time, then each id with its four members of the index, '' for one that
 * is not there. What has been extended since it was read stays.
 */
const PRUNE = defineScript(`
local pruned = 0
for at = 2, #ARGV, 5 do
  local id = ARGV[at]
  local endsAt = redis.call('ZSCORE', KEYS[3], id)
  if endsAt and tonumber(endsAt) <= tonumber(ARGV[1]) then
    redis.call('HDEL', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZREM', KEYS[4], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4])
    pruned = pruned + 1
  end
end
return pruned
`);

export function createSessionStore(database: RedisDatabase): SessionStore {
  const { keys } = database;

  function recordOf(id: SessionId): Field {
    return { key: keys.sessions, field: id };
  }

  /** A session that is lost has not ended. */
  async function surely<T>(answer: T): Promise<T> {
    if (answer === 'absent' || answer === false || answer === undefined) await database.confirmEpoch();
    return answer;
  }

  return {
    create: async (session, jar) => {
      const writes = creation(keys, checkSession(session, 0), checkFirstJar(jar));
      return database.decide(
        [recordOf(session.id)],
        ([record]): Decision<'created' | 'clash'> =>
          record === undefined ? { answer: 'created', writes, changes: [] } : unchanged('clash'),
        'assumeAbsent',
      );
    },

    find: (id) =>
      database.perform(async (steps) => {
        const found = await steps.run(FIND, [keys.sessions, keys.sessionJars], [id]);
        const [record, jar] = found as readonly (string | null)[];
        if (typeof record !== 'string') {
          await steps.confirmEpoch();
          return undefined;
        }
        return {
          session: readSession(id, record),
          jar: typeof jar === 'string' ? readJar(jar) : undefined,
        };
      }),

    replace: async (session, expectedRevision) => {
      const written = writeSession(checkSession(session, expectedRevision));
      const { id } = session;
      return surely(
        await database.decide([recordOf(id)], ([record]): Decision<'replaced' | 'stale' | 'absent'> => {
          if (record === undefined) return unchanged('absent');
          const stored = readSession(id, record);
          if (stored.revision !== expectedRevision) return unchanged('stale');
          checkSameOwner(stored, session);
          return {
            answer: 'replaced',
            writes: [
              ['HSET', keys.sessions, id, written],
              ['ZADD', keys.sessionExpiries, endOfSession(session), id],
            ],
            changes: [{ kind: 'sessionChanged', id }],
          };
        }),
      );
    },

    supersede: async (id, expectedRevision, successor, jar) => {
      const created = creation(keys, checkSession(successor, 0), checkFirstJar(jar));
      return surely(
        await database.decide(
          [recordOf(id), recordOf(successor.id)],
          ([record, taken]): Decision<'superseded' | 'stale' | 'absent'> => {
            if (record === undefined) return unchanged('absent');
            const stored = readSession(id, record);
            if (stored.revision !== expectedRevision) return unchanged('stale');
            if (taken !== undefined && successor.id !== id) throw takenSuccessor();
            return {
              answer: 'superseded',
              writes: [...removal(keys, stored), ...created],
              changes: [{ kind: 'sessionChanged', id }],
            };
          },
        ),
      );
    },

    saveJar: async (id, jar, expectedRevision) => {
      const written = writeJar(checkNextJar(jar, expectedRevision));
      return surely(
        await database.decide(
          [recordOf(id), { key: keys.sessionJars, field: id }],
          ([record, stored]): Decision<'saved' | 'stale' | 'absent'> => {
            if (record === undefined) return unchanged('absent');
            const revision = stored === undefined ? 0 : readJar(stored).revision;
            if (revision !== expectedRevision) return unchanged('stale');
            return {
              answer: 'saved',
              writes: [['HSET', keys.sessionJars, id, written]],
              changes: [{ kind: 'sessionChanged', id }],
            };
          },
        ),
      );
    },

    end: async (id) =>
      surely(
        await database.decide([recordOf(id)], ([record]): Decision<boolean> => {
          if (record === undefined) return unchanged(false);
          return {
            answer: true,
            writes: removal(keys, readSession(id, record)),
            changes: [{ kind: 'sessionChanged', id }],
          };
        }),
      ),

    async list(filter) {
      const atMost = checkCount(filter.limit);
      const prefix = prefixOf(filter);
      return database.perform(async (steps) => {
        const found: Session[] = [];
        let { after } = filter;
        while (found.length < atMost) {
          const count = Math.min(READ_AT_ONCE, Math.max(READ_AT_LEAST, atMost - found.length));
          // `[` is the character after `Z`, the last one of an id.
          const [first, last] = [after === undefined ? `[${prefix}` : `(${prefix}${after}`, `(${prefix}[`];
          const names = [keys.sessions, keys.sessionIndex];
          const page = await steps.run(LIST, names, [first, last, count, prefix.length]);
          const [ids, records] = page as [SessionId[], (string | null)[]];
          for (const [at, id] of ids.entries()) {
            const record = records[at];
            const session = typeof record === 'string' ? readSession(id, record) : undefined;
            if (session !== undefined && isWanted(session, filter)) found.push(session);
          }
          after = ids.at(-1);
          if (ids.length < count) break;
        }
        await steps.confirmEpoch();
        return found.slice(0, atMost);
      });
    },

    async prune(now) {
      const until = checkTime(now);
      const names = [keys.sessions, keys.sessionJars, keys.sessionExpiries, keys.sessionIndex];
      return database.perform(async (steps) => {
        let pruned = 0;
        let batch: number;
        do {
          const range = ['-inf', until, 'BYSCORE', 'LIMIT', 0, PRUNED_AT_ONCE];
          const ids = (await steps.ask('ZRANGE', keys.sessionExpiries, ...range)) as SessionId[];
          batch = ids.length;
          if (batch === 0) break;
          const records = (await steps.ask('HMGET', keys.sessions, ...ids)) as (string | null)[];
          const ended = ids.flatMap((id, at) => {
            const record = records[at];
            const members = typeof record === 'string' ? indexMembers(readSession(id, record)) : [];
            return [id, ...Array.from({ length: 4 }, (_, index) => members[index] ?? '')];
          });
          pruned += Number(await steps.run(PRUNE, names, [until, ...ended]));
        } while (batch === PRUNED_AT_ONCE);
        return pruned;
      });
    },
  };
}

function creation(keys: RedisKeys, session: Session, jar: SealedJar | undefined): readonly Write[] {
  return [
    ['HSET', keys.sessions, session.id, writeSession(session)],
    ...(jar === undefined ? [] : [['HSET', keys.sessionJars, session.id, writeJar(jar)] as const]),
    ['ZADD', keys.sessionExpiries, endOfSession(session), session.id],
    ['ZADD', keys.sessionIndex, ...indexMembers(session).flatMap((member) => [0, member])],
  ];
}

function removal(keys: RedisKeys, session: Session): readonly Write[] {
  return [
    ['HDEL', keys.sessions, session.id],
    ['HDEL', keys.sessionJars, session.id],
    ['ZREM', keys.sessionExpiries, session.id],
    ['ZREM', keys.sessionIndex, ...indexMembers(session)],
  ];
}

/** A session is listed among all, and by what it belongs to. */
function indexMembers({ id, subject, tenant, client }: Session): readonly string[] {
  const filters: readonly Omit<SessionFilter, 'limit'>[] = [
    {},
    { subject },
    { tenant },
    ...(client === undefined ? [] : [{ client }]),
  ];
  return filters.map((filter) => `${prefixOf(filter)}${id}`);
}

/** What the members of the index begin with that lead to the fewest others, most of the time. */
function prefixOf({ subject, tenant, client }: Omit<SessionFilter, 'limit'>): string {
  if (subject !== undefined) return `s${shortHash(subject)}`;
  if (tenant !== undefined) return `t${shortHash(tenant)}`;
  if (client !== undefined) return `c${shortHash(client)}`;
  return 'a';
}

/**
 * 66 bits: short, of one length, and the same for a text of any length or characters. Should two texts ever share one, a page
 * is read with more than is wanted: what is read is compared.
 */
function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 11);
}

function isWanted(session: Session, { subject, client, tenant }: SessionFilter): boolean {
  return (
    (subject === undefined || session.subject === subject) &&
    (client === undefined || session.client === client) &&
    (tenant === undefined || session.tenant === tenant)
  );
}
