import pino from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import { loadKnownKeys, loadMany, TENANT } from '../../../bench/experiments/bulk-load.ts';
import { sha256Digest } from '../../../src/api-keys/api-key-format.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { openRedisStore } from '../../../src/stores/redis/redis-store.ts';
import { redisMissing, redisSettings, startRedis } from '../../support/redis.ts';

it.skipIf(redisMissing)(
  `what is loaded in bulk is what the store would have written ${redisMissing ?? ''}`,
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const settings = redisSettings(redis);
    const server = { client: redis.admin, settings };
    const known = await loadKnownKeys(server, 3);
    await loadMany(server, 1500);
    const stores = await openRedisStore({ settings, clock: systemClock, log: pino({ level: 'silent' }) });
    onTestFinished(() => stores.close());
    expect(await stores.revocations.list(systemClock())).toHaveLength(1500);
    expect(await stores.apiKeys.list({ tenant: TENANT, limit: 2000 })).toHaveLength(1503);
    for (const { id, key } of known) {
      expect(await stores.apiKeys.findByDigest(sha256Digest(key))).toMatchObject({ id, tenant: TENANT });
    }
    const [first] = await stores.revocations.list(systemClock());
    expect(await stores.revocations.prune((first?.expiresAt ?? 0) + 1)).toBe(1500);
    expect(await stores.revocations.list(0)).toEqual([]);
  },
);
