import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anApiKey, apiKeyId, aTenant, NOW, tenantId } from '../../contract/fixtures.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis, until } from '../../support/redis.ts';
import { recordNames, useOpenStores } from './opened-stores.ts';

describe.skipIf(redisMissing)(`a tenant with many API keys ${redisMissing ?? ''}`, () => {
  let redis: RunningRedis;
  const open = useOpenStores();
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  async function fill(count: number, tenant: string): Promise<Awaited<ReturnType<typeof open>>> {
    const stores = await open(redisSettings(redis));
    await stores.tenants.create(aTenant(tenant), NOW);
    for (let from = 0; from < count; from += 500) {
      const ids = Array.from({ length: Math.min(500, count - from) }, (_, at) => `${tenant}-${from + at}`);
      await Promise.all(ids.map((id) => stores.apiKeys.create(anApiKey(id, { tenant: tenantId(tenant) }))));
    }
    return stores;
  }

  it('is deleted with all of them, and each is told while the stream can hold them', async () => {
    const stores = await fill(2345, 'many');
    const names = recordNames(stores);
    expect(await stores.tenants.delete(tenantId('many'))).toBe(true);
    await until('all are told', () => names.length === 2346);
    expect(new Set(names).size).toBe(2346);
    expect(await stores.apiKeys.list({ limit: 10 })).toEqual([]);
    expect(await redis.admin.keys('*api-key*')).toEqual([]);
  });

  it('is told as "read everything anew" when the stream could not hold them all', async () => {
    const stores = await fill(5001, 'more');
    await stores.apiKeys.create(anApiKey('other', { tenant: tenantId('globex') }));
    const names = recordNames(stores);
    expect(await stores.tenants.delete(tenantId('more'))).toBe(true);
    await until('it is told', () => names.length === 2);
    expect(names).toEqual(['more', 'resynchronise']);
    expect((await stores.apiKeys.list({ limit: 10 })).map(({ id }) => id)).toEqual(['other']);
    expect(await stores.apiKeys.findByDigest(anApiKey('more-5000').digest)).toBeUndefined();
    expect(await stores.apiKeys.findById(apiKeyId('more-0'))).toBeUndefined();
  });
});
