import type { Change } from '../change-feed.ts';
import { DATA_LOST } from './failures.ts';

/** About how many entries the stream keeps: a replica that missed more reads everything anew. */
export const CHANGES_KEPT = 10_000;

/**
 * Lua: `announce(text)` appends one change under the next number; `made` is that of the last one, and `entry` its id in the
 * stream. Needs `KEYS[1]` = feed, `KEYS[2]` = changes. A server
 * that lost its data takes no change: acknowledged now, it would be lost when the data comes back.
 */
export const ANNOUNCE = `
if redis.call('HEXISTS', KEYS[1], 'epoch') == 0 then
  return redis.error_reply('${DATA_LOST} there is no epoch')
end
local made, entry = false, ''
local function announce(change)
  made = redis.call('HINCRBY', KEYS[1], 'made', 1)
  entry = redis.call('XADD', KEYS[2], 'MAXLEN', '~', ${CHANGES_KEPT}, '*', 'n', made, 'c', change)
end
`;

export interface ChangeEntry {
  /** The stream's own id. */
  readonly id: string;
  /** 1, 2, 3, …: a number that is left out tells that an entry was lost. */
  readonly number: number;
  readonly change: Change;
}

const KINDS: ReadonlySet<unknown> = new Set<Change['kind']>([
  'apiKeyChanged',
  'tenantChanged',
  'revocationAdded',
  'revocationRemoved',
  'keyringChanged',
  'clientChanged',
  'sessionChanged',
  'resynchronise',
]);

export function writeChange(change: Change): string {
  return JSON.stringify(change);
}

/** The answer of XREAD for one stream. */
export function readEntries(answer: unknown): readonly ChangeEntry[] {
  if (answer === null) return [];
  const [[, entries]] = answer as [[key: string, entries: unknown]];
  return readEntriesOf(entries);
}

/** The answer of XRANGE, or of XREVRANGE. */
export function readEntriesOf(answer: unknown): readonly ChangeEntry[] {
  return (answer as [id: string, fields: string[]][]).map(([id, fields]) => {
    const number = fields[fields.indexOf('n') + 1];
    const change = fields[fields.indexOf('c') + 1];
    return { id, number: Number(number), change: readChange(change ?? '') };
  });
}

/** What a newer Gatehouse announces in words that are unknown here may mean anything, so that all is to be read anew. */
function readChange(text: string): Change {
  try {
    const change = JSON.parse(text) as Change;
    return KINDS.has(change.kind) ? change : { kind: 'resynchronise' };
  } catch {
    return { kind: 'resynchronise' };
  }
}
