import { checkAttemptRate } from '../../limits/leaky-bucket.ts';
import { checkUses, MOST_COUNTS_USED, type UsageStore } from '../../limits/usage-store.ts';
import type { RedisDatabase } from './database.ts';
import { defineScript } from './script.ts';

/**
 * ARGV: count, window, uses. A bucket is `used at`, on the server's clock, whose going back gives nothing back. The key lives until
 * the bucket is full again.
 */
const ADD = defineScript(`
local count, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + tonumber(time[2]) / 1000
local used, at = 0, now
local found = redis.call('GET', KEYS[1])
if found then
  local space = found:find(' ', 1, true)
  local since = tonumber(found:sub(space + 1))
  at = math.max(since, now)
  used = math.max(0, tonumber(found:sub(1, space - 1)) - (at - since) * count / window)
end
used = math.min(${MOST_COUNTS_USED} * count, used + tonumber(ARGV[3]))
local life = math.ceil(used * window / count)
if life > 0 then
  redis.call('SET', KEYS[1], string.format('%.17g %.17g', used, at), 'PX', string.format('%.0f', life))
end
return string.format('%.17g', used)
`);

export function createUsageStore(database: RedisDatabase): UsageStore {
  const { keys } = database;
  return {
    async add(key, rate, uses) {
      const { count, windowMilliseconds } = checkAttemptRate(rate);
      const args = [count, windowMilliseconds, checkUses(uses)];
      return Number(await database.run(ADD, [keys.usage(key)], args));
    },
  };
}
