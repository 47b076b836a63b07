import type { AttemptStore } from '../../limits/attempt-store.ts';
import { checkAttemptRate, SMALLEST_ATTEMPT } from '../../limits/leaky-bucket.ts';
import type { RedisDatabase } from './database.ts';
import { defineScript } from './script.ts';
import { checkTime } from './values.ts';

/** Milliseconds that a bucket is kept longer than needed, since the clocks of two gateways are never quite the same. */
const KEPT_LONGER = 60_000;

/**
 * What limits/leaky-bucket.ts says, as one atomic step. ARGV: count, window, the gateway's clock. A bucket is `used at`, in
 * digits enough to be read back as the same numbers. The server's clock only forgets what is full again.
 */
const BUCKET = `
local count, window, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local used, at = 0, now
local found = redis.call('GET', KEYS[1])
if found then
  local space = found:find(' ', 1, true)
  local since = tonumber(found:sub(space + 1))
  at = math.max(since, now)
  used = math.min(count, math.max(0, tonumber(found:sub(1, space - 1)) - (at - since) * count / window))
end
local function save()
  local life = string.format('%.0f', math.ceil(used * window / count) + ${KEPT_LONGER})
  redis.call('SET', KEYS[1], string.format('%.17g %.17g', used, at), 'PX', life)
end
`;

const TAKE = defineScript(`${BUCKET}
used = used + 1
local excess = used - count
if excess > ${SMALLEST_ATTEMPT} then return { 0, math.max(1, math.ceil(excess * window / count + (at - now))) } end
save()
return { 1, math.max(0, math.floor(${SMALLEST_ATTEMPT} - excess)) }
`);

const GIVE_BACK = defineScript(`${BUCKET}
if not found then return 0 end
used = math.max(0, used - 1)
save()
return 1
`);

export function createAttemptStore(database: RedisDatabase): AttemptStore {
  const { keys } = database;
  return {
    async take(key, rate, now) {
      const { count, windowMilliseconds } = checkAttemptRate(rate);
      const args = [count, windowMilliseconds, checkTime(now)];
      const [isTaken, detail] = (await database.run(TAKE, [keys.attempts(key)], args)) as [0 | 1, number];
      return isTaken === 1
        ? { kind: 'taken', remaining: detail }
        : { kind: 'exhausted', retryAfterMilliseconds: detail };
    },

    async giveBack(key, rate, now) {
      const { count, windowMilliseconds } = checkAttemptRate(rate);
      await database.run(GIVE_BACK, [keys.attempts(key)], [count, windowMilliseconds, checkTime(now)]);
    },
  };
}
