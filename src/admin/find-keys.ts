import type { ApiKeyId } from '../api-keys/api-key.ts';
import type { ApiKeyFilter } from '../api-keys/api-key-store.ts';
import type { KeyService, KeyWithState } from '../api-keys/key-service.ts';
import type { EpochMilliseconds } from '../base/clock.ts';

interface KeyQuery extends ApiKeyFilter {
  /** Keys of the store that are accepted and were not used since. */
  readonly unusedSince?: EpochMilliseconds;
  /** Keys that are accepted and end by then. */
  readonly expiresBefore?: EpochMilliseconds;
}

interface KeyPage {
  readonly keys: readonly KeyWithState[];
  /** Where the next page begins after; a page with one may hold fewer keys than asked for, even none. */
  readonly next?: ApiKeyId;
}

/** Keys read at once for a query that few may fit, so that a request is bounded however many keys there are. */
const SCANNED = 5000;

export async function findKeys(
  service: KeyService,
  query: KeyQuery,
  now: EpochMilliseconds,
): Promise<KeyPage> {
  const { unusedSince, expiresBefore, limit, ...filter } = query;
  const isPicky = unusedSince !== undefined || expiresBefore !== undefined;
  const size = isPicky ? SCANNED : limit;
  // One more than asked for tells whether there is another page.
  const found = await service.list({ ...filter, limit: size + 1 });
  const scanned = found.slice(0, size);
  const keys = scanned.filter(
    (key) =>
      (unusedSince === undefined || isUnusedSince(key, unusedSince)) &&
      (expiresBefore === undefined || isExpiringBy(key, expiresBefore, now)),
  );
  const page = keys.slice(0, limit);
  const last = keys.length > limit ? page.at(-1) : found.length > size ? scanned.at(-1) : undefined;
  return { keys: page, ...(last !== undefined && { next: last.apiKey.id }) };
}

/** Uses of configured keys are not kept, so nothing is known of them. A key that is younger had no time to be used. */
function isUnusedSince({ apiKey, state }: KeyWithState, since: EpochMilliseconds): boolean {
  const isAccepted = state === 'active' || state === 'replaced';
  return isAccepted && apiKey.origin !== 'configured' && (apiKey.lastUsedAt ?? apiKey.createdAt) < since;
}

function isExpiringBy(
  { apiKey, state }: KeyWithState,
  by: EpochMilliseconds,
  now: EpochMilliseconds,
): boolean {
  const isAccepted = state === 'active' || state === 'replaced';
  return isAccepted && apiKey.expiresAt !== undefined && now < apiKey.expiresAt && apiKey.expiresAt <= by;
}
