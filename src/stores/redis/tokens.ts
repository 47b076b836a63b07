import type { Clock } from '../../base/clock.ts';
import type { StoredToken, TokenStore } from '../../sessions/token-store.ts';
import { checkToken, readDigest } from '../token-checks.ts';
import type { RedisDatabase } from './database.ts';
import { checkTime } from './values.ts';

/** Milliseconds that a token is kept longer than needed, since the clocks of two gateways are never quite the same. */
const KEPT_LONGER = 60_000;

export function createTokenStore(database: RedisDatabase, clock: Clock): TokenStore {
  const { keys } = database;

  /** GETDEL is one step of the server: of many who ask at once, one gets it. A token that is lost is not an unknown one. */
  async function read(command: 'GET' | 'GETDEL', digest: string): Promise<StoredToken | undefined> {
    const key = keys.token(readDigest(digest));
    return database.perform(async (steps) => {
      const record = (await steps.ask(command, key)) as string | null;
      if (record !== null) return JSON.parse(record) as StoredToken;
      await steps.confirmEpoch();
      return undefined;
    });
  }

  return {
    async put(digest, token) {
      const record = JSON.stringify(checkToken(token));
      const life = Math.ceil(Math.max(0, token.expiresAt - clock()));
      const key = keys.token(readDigest(digest));
      // What a server takes that has lost its data is lost when they come back. The token is in another slot than the epoch.
      await database.perform((steps) =>
        Promise.all([steps.ask('SET', key, record, 'PX', life + KEPT_LONGER), steps.confirmEpoch()]),
      );
    },

    find: (digest) => read('GET', digest),

    take: (digest) => read('GETDEL', digest),

    async remove(digest) {
      const removed = await database.ask('DEL', keys.token(readDigest(digest)));
      if (removed !== 1) await database.confirmEpoch();
      return removed === 1;
    },

    async prune(now) {
      checkTime(now);
      await database.confirmEpoch();
      return 0;
    },
  };
}
