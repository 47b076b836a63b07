import type { AuditRecord } from '../../audit/audit-record.ts';
import type { AuditStore, StoredAuditRecord } from '../../audit/audit-store.ts';
import { escapeKeyPart } from '../../base/key-part.ts';
import type { RedisDatabase, RedisSteps } from './database.ts';
import { defineScript } from './script.ts';
import { checkCount } from './values.ts';

/** Records dropped in one step, so that pruning years of audit holds nobody up. */
const PRUNED_AT_ONCE = 2000;

/** Positions are the ids of the stream. The index is sorted by text, so that numbers have leading zeros in it. */
const INDEX_MEMBER = `
local function member(decision, position)
  return decision .. ':' .. string.format('%016d', position)
end
`;

/** KEYS: records, position, by decision. ARGV: decision and record of each. */
const APPEND = defineScript(`${INDEX_MEMBER}
for at = 1, #ARGV, 2 do
  local position = redis.call('INCR', KEYS[2])
  redis.call('XADD', KEYS[1], position .. '-0', 'd', ARGV[at], 'r', ARGV[at + 1])
  redis.call('ZADD', KEYS[3], 0, member(ARGV[at], position))
end
return 0
`);

/** KEYS: records, by decision. ARGV: decision, the position to begin after or '', limit. Newest first without a position. */
const READ_DECISION = defineScript(`${INDEX_MEMBER}
local first, last = '[' .. ARGV[1] .. ':', '(' .. ARGV[1] .. ';'
local members
if ARGV[2] == '' then
  members = redis.call('ZRANGE', KEYS[2], last, first, 'BYLEX', 'REV', 'LIMIT', 0, ARGV[3])
else
  members = redis.call('ZRANGE', KEYS[2], '(' .. member(ARGV[1], ARGV[2]), last, 'BYLEX', 'LIMIT', 0, ARGV[3])
end
local entries = {}
for _, found in ipairs(members) do
  local id = string.format('%d-0', found:sub(-16))
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if entry then entries[#entries + 1] = entry end
end
return entries
`);

/** KEYS: records, by decision. ARGV: how many to keep. */
const PRUNE = defineScript(`${INDEX_MEMBER}
local length = redis.call('XLEN', KEYS[1])
local dropped = math.min(length - tonumber(ARGV[1]), ${PRUNED_AT_ONCE})
if dropped <= 0 then return 0 end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', dropped)) do
  redis.call('ZREM', KEYS[2], member(entry[2][2], entry[1]:match('^%d+')))
end
redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', length - dropped)
return dropped
`);

/** Records looked at with one question when they are searched. */
const SEARCHED_AT_ONCE = 1000;
/** A decision has a handful of records. */
const DECISION_AT_MOST = 1000;

/** Where a reading begins (not itself), and whither it goes. */
interface From {
  readonly direction: 'newer' | 'older';
  readonly position?: number;
}

type Test = (record: StoredAuditRecord) => boolean;
type Found = readonly StoredAuditRecord[];
type Entry = readonly [id: string, fields: readonly string[]];

export function createAuditStore(database: RedisDatabase): AuditStore {
  const { keys } = database;

  /** In the order of the search: newest first without `after`. */
  async function readPage(steps: RedisSteps, from: From, count: number): Promise<readonly Entry[]> {
    const edge = from.position === undefined ? undefined : `(${from.position}-0`;
    const page =
      from.direction === 'newer'
        ? steps.ask('XRANGE', keys.auditRecords, edge ?? '-', '+', 'COUNT', count)
        : steps.ask('XREVRANGE', keys.auditRecords, edge ?? '+', '-', 'COUNT', count);
    return (await page) as Entry[];
  }

  /** Every record is looked at: people search by tenant and code now and then, and an index would double the stream. */
  async function search(steps: RedisSteps, from: From, isWanted: Test, limit: number): Promise<Found> {
    const found: StoredAuditRecord[] = [];
    let position = from.position;
    while (found.length < limit) {
      const page = await readPage(
        steps,
        { ...from, ...(position !== undefined && { position }) },
        SEARCHED_AT_ONCE,
      );
      const records = page.map(readRecord);
      found.push(...records.filter(isWanted));
      position = records.at(-1)?.sequence;
      if (page.length < SEARCHED_AT_ONCE) break;
    }
    return found.slice(0, limit);
  }

  async function readDecision(steps: RedisSteps, decisionId: string, from: From): Promise<Found> {
    const names = [keys.auditRecords, keys.auditByDecision];
    const after = from.direction === 'newer' ? (from.position ?? '') : '';
    const entries = await steps.run(READ_DECISION, names, [
      escapeKeyPart(decisionId),
      after,
      DECISION_AT_MOST,
    ]);
    return (entries as Entry[]).map(readRecord);
  }

  return {
    async append(records) {
      if (records.length === 0) return;
      const args = records.flatMap((record) => [escapeKeyPart(record.decisionId), JSON.stringify(record)]);
      await database.run(APPEND, [keys.auditRecords, keys.auditPosition, keys.auditByDecision], args);
    },

    async read({ after, decisionId, tenant, code, limit }) {
      const atMost = checkCount(limit);
      if (atMost === 0) return [];
      const isWanted: Test = (record) =>
        (tenant === undefined || record.tenant === tenant) && (code === undefined || record.code === code);
      const from: From =
        after === undefined ? { direction: 'older' } : { direction: 'newer', position: after };
      return database.perform(async (steps) => {
        const found =
          decisionId !== undefined
            ? (await readDecision(steps, decisionId, from)).filter(isWanted).slice(0, atMost)
            : tenant === undefined && code === undefined
              ? (await readPage(steps, from, atMost)).map(readRecord)
              : await search(steps, from, isWanted, atMost);
        return after === undefined ? found.toReversed() : found;
      });
    },

    async prune(keep) {
      checkCount(keep);
      return database.perform(async (steps) => {
        let dropped = 0;
        let batch: number;
        do {
          batch = Number(await steps.run(PRUNE, [keys.auditRecords, keys.auditByDecision], [keep]));
          dropped += batch;
        } while (batch === PRUNED_AT_ONCE);
        return dropped;
      });
    },
  };
}

function readRecord([id, fields]: Entry): StoredAuditRecord {
  const record = JSON.parse(fields[fields.indexOf('r') + 1] ?? '') as AuditRecord;
  return { ...record, sequence: Number(id.split('-')[0]) };
}
