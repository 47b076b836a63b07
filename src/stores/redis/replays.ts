import type { ReplayStore } from '../../revocation/replay-store.ts';
import type { RedisDatabase } from './database.ts';
import { defineScript } from './script.ts';
import { checkTime } from './values.ts';

/** Milliseconds that a claim is kept longer than needed, since the clocks of two gateways are never quite the same. */
const KEPT_LONGER = 60_000;

/** The gateway's clock decides; the server's only forgets, later. */
const CLAIM = defineScript(`
local claimed = redis.call('GET', KEYS[1])
if claimed and tonumber(claimed) > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return 1
`);

export function createReplayStore(database: RedisDatabase): ReplayStore {
  return {
    async claim(space, id, expiresAt, now) {
      const life = checkTime(expiresAt) - checkTime(now);
      if (life <= 0) return false;
      const keepFor = Math.ceil(life) + KEPT_LONGER;
      const key = database.keys.replay(space, id);
      return (await database.run(CLAIM, [key], [expiresAt, now, keepFor])) === 1;
    },
  };
}
