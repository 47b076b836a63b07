import { loadKnownKeys, loadKnownSessions, loadMany, loadManySessions } from '../bulk-load.ts';
import { presentingKeys, presentingSessions } from '../gateway-on-redis.ts';
import type { Population } from './population.ts';

/** The first one is remembered; of all in turn none is any more when it comes again. */
const CREDENTIALS: Pick<Population, 'least' | 'many' | 'kinds' | 'requests'> = {
  least: 0,
  many: 1_000_000,
  kinds: ['remembered', 'asked of Redis'],
  requests: ({ requests }) => [requests[0] ?? '', requests],
};

export const KEYS_AND_REVOCATIONS: Population = {
  ...CREDENTIALS,
  name: 'scale',
  about: 'start, memory and cost of a request with many keys and revocations in Redis, against none',
  records: 'keys, and revocations',
  known: async (redis, count) => presentingKeys(await loadKnownKeys(redis, count)),
  load: loadMany,
};

export const SESSIONS: Population = {
  ...CREDENTIALS,
  name: 'session-scale',
  about: 'the same with many sessions of users in Redis',
  records: 'sessions',
  known: async (redis, count) => presentingSessions(await loadKnownSessions(redis, count)),
  load: loadManySessions,
};
