import type { ApiKey, ApiKeyDigest, ApiKeyId } from '../../api-keys/api-key.ts';
import type { ApiKeyStore } from '../../api-keys/api-key-store.ts';
import { type Decision, type Field, type RedisDatabase, unchanged, type Write } from './database.ts';
import type { RedisKeys } from './keys.ts';
import { defineScript } from './script.ts';
import { checkCount, checkTime, checkTimes } from './values.ts';

/** `{ record, last use }`, or nothing. */
const FIND_BY_DIGEST = defineScript(`
local id = redis.call('HGET', KEYS[1], ARGV[1])
if not id then return { false, false } end
return { redis.call('HGET', KEYS[2], id), redis.call('HGET', KEYS[3], id) }
`);

/** One page as `{ record, last use, record, last use, … }`. Members of the index end in the id, after ARGV[3] bytes. */
const LIST = defineScript(`
local page = {}
local members = redis.call('ZRANGE', KEYS[3], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[4])
for _, member in ipairs(members) do
  local id = member:sub(ARGV[3] + 1)
  page[#page + 1] = redis.call('HGET', KEYS[1], id)
  page[#page + 1] = redis.call('HGET', KEYS[2], id)
end
return page
`);

const RECORD_USES = defineScript(`
for at = 1, #ARGV, 2 do
  local id, time = ARGV[at], ARGV[at + 1]
  if redis.call('HEXISTS', KEYS[1], id) == 1 then
    local last = redis.call('HGET', KEYS[2], id)
    if not last or tonumber(last) < tonumber(time) then redis.call('HSET', KEYS[2], id, time) end
  end
end
return 0
`);

export function createApiKeyStore(database: RedisDatabase): ApiKeyStore {
  const { keys } = database;

  function recordOf(id: ApiKeyId): Field {
    return { key: keys.apiKeys, field: id };
  }

  function digestOf({ digest }: ApiKey): Field {
    return { key: keys.apiKeyDigests, field: writeDigest(digest) };
  }

  /** A key that is lost is not an unknown one. */
  async function surely(key: ApiKey | undefined): Promise<ApiKey | undefined> {
    if (key === undefined) await database.confirmEpoch();
    return key;
  }

  return {
    create: async (key) => {
      const writes = writeNewApiKey(keys, key);
      return database.decide(
        [recordOf(key.id), digestOf(key)],
        (values): Decision<'created' | 'clash'> =>
          values.some((value) => value !== undefined)
            ? unchanged('clash')
            : { answer: 'created', writes, changes: [{ kind: 'apiKeyChanged', id: key.id }] },
        'assumeAbsent',
      );
    },

    async findById(id) {
      const found = await Promise.all([
        database.ask('HGET', keys.apiKeys, id),
        database.ask('HGET', keys.apiKeyUses, id),
      ]);
      return surely(readApiKey(found as Found));
    },

    async findByDigest(digest) {
      const names = [keys.apiKeyDigests, keys.apiKeys, keys.apiKeyUses];
      return surely(readApiKey((await database.run(FIND_BY_DIGEST, names, [writeDigest(digest)])) as Found));
    },

    async list({ tenant, after, limit }) {
      const start = tenant === undefined ? '' : `${tenant}:`;
      const index = tenant === undefined ? keys.apiKeyIds : keys.apiKeysByTenant;
      // `;` is the character after `:`.
      const end = tenant === undefined ? '+' : `(${tenant};`;
      const begin = after === undefined ? (start === '' ? '-' : `[${start}`) : `(${start}${after}`;
      const page = (await database.run(
        LIST,
        [keys.apiKeys, keys.apiKeyUses, index],
        [begin, end, start.length, checkCount(limit)],
      )) as (string | null)[];
      const found: ApiKey[] = [];
      for (let at = 0; at < page.length; at += 2) {
        const key = readApiKey([page[at] ?? null, page[at + 1] ?? null]);
        if (key !== undefined) found.push(key);
      }
      return found;
    },

    async rotate(id, successor, oldExpiresAt) {
      const expiry = checkTime(oldExpiresAt);
      const created = writeNewApiKey(keys, successor);
      return database.decide(
        [recordOf(id), recordOf(successor.id), digestOf(successor)],
        ([record, ...taken]): Decision<'rotated' | 'absent' | 'clash'> => {
          const old = readApiKey([record ?? null, null]);
          if (old === undefined || old.revokedAt !== undefined || old.replacedBy !== undefined)
            return unchanged('absent');
          if (taken.some((value) => value !== undefined)) return unchanged('clash');
          const expiresAt = Math.min(old.expiresAt ?? expiry, expiry);
          const replaced = writeApiKey({ ...old, expiresAt, replacedBy: successor.id });
          return {
            answer: 'rotated',
            writes: [...created, ['HSET', keys.apiKeys, id, replaced]],
            changes: [
              { kind: 'apiKeyChanged', id: successor.id },
              { kind: 'apiKeyChanged', id },
            ],
          };
        },
      );
    },

    async revoke(id, now) {
      const revokedAt = checkTime(now);
      return database.decide([recordOf(id)], ([record]): Decision<'revoked' | 'already' | 'absent'> => {
        const key = readApiKey([record ?? null, null]);
        if (key === undefined) return unchanged('absent');
        if (key.revokedAt !== undefined) return unchanged('already');
        return {
          answer: 'revoked',
          writes: [['HSET', keys.apiKeys, id, writeApiKey({ ...key, revokedAt })]],
          changes: [{ kind: 'apiKeyChanged', id }],
        };
      });
    },

    async recordUses(uses) {
      const args = [...uses].flatMap(([id, at]) => [id, checkTime(at)]);
      await database.run(RECORD_USES, [keys.apiKeys, keys.apiKeyUses], args);
    },
  };
}

/** Record and last use, as Redis answers them. */
type Found = readonly [record: string | null, lastUsedAt: string | null];

function writeNewApiKey(keys: RedisKeys, key: ApiKey): readonly Write[] {
  return [
    ['HSET', keys.apiKeys, key.id, writeApiKey(key)],
    ['HSET', keys.apiKeyDigests, writeDigest(key.digest), key.id],
    ['ZADD', keys.apiKeyIds, 0, key.id],
    ['ZADD', keys.apiKeysByTenant, 0, `${key.tenant}:${key.id}`],
    ...(key.lastUsedAt === undefined
      ? []
      : [['HSET', keys.apiKeyUses, key.id, checkTime(key.lastUsedAt)] as const]),
  ];
}

function writeDigest({ algorithm, hex }: ApiKeyDigest): string {
  return `${algorithm}:${hex}`;
}

/** The digest's field and a space first, so that a script can find it; then JSON. The last use is kept elsewhere. */
function writeApiKey({ lastUsedAt: _lastUsedAt, digest, ...rest }: ApiKey): string {
  checkTimes(rest, ['createdAt', 'expiresAt', 'revokedAt']);
  return `${writeDigest(digest)} ${JSON.stringify(rest)}`;
}

function readApiKey([record, lastUsedAt]: Found): ApiKey | undefined {
  if (record === null) return undefined;
  const space = record.indexOf(' ');
  const [algorithm, hex = ''] = record.slice(0, space).split(':');
  const rest = JSON.parse(record.slice(space + 1)) as Omit<ApiKey, 'digest' | 'lastUsedAt'>;
  return {
    ...rest,
    digest: { algorithm: algorithm as ApiKeyDigest['algorithm'], hex },
    ...(lastUsedAt !== null && { lastUsedAt: Number(lastUsedAt) }),
  };
}
