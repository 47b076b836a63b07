import { afterEach, expect, test } from 'vitest';
import type { StatusView } from '../../src/admin/schemas/operations.ts';
import { ADMIN_TOKEN, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RunningRedis, redisMissing, startRedis } from '../support/redis.ts';

let redis: RunningRedis | undefined;
let gateway: TestGateway | undefined;
afterEach(async () => {
  await gateway?.stop();
  await redis?.stop();
});
if (redisMissing !== undefined) console.warn(`skipped: administration on Redis, ${redisMissing}`);

test.skipIf(redisMissing)(
  'while the store is away the status is told all the same, and no change is acknowledged',
  async () => {
    redis = await startRedis(['--maxmemory-policy', 'noeviction']);
    gateway = await startTestGateway({
      store: { redis: { url: `redis://127.0.0.1:${redis.port}` } },
      encryptionKeys: [{ id: 'k1', key: 'a'.repeat(64) }],
      tenants: { acme: {} },
      upstreams: { api: { targets: ['http://127.0.0.1:9'], identity: { assertion: { audience: 'api' } } } },
      routes: [{ id: 'api', match: { path: '/api' }, accept: ['apiKey'], upstream: 'api' }],
    });
    const before = await gateway.admin<StatusView>('GET', '/v1/status');
    expect(before.encryptionKeys).toEqual([{ id: 'k1', state: 'sealing', sealed: 2 }]);
    expect(before.replicas).toMatchObject([{ isSelf: true, revision: before.configuration.revision }]);
    await redis.stop();
    redis = undefined;
    const after = await gateway.admin<StatusView>('GET', '/v1/status');
    expect(after).not.toHaveProperty('encryptionKeys');
    expect(after.checks).toContainEqual(expect.objectContaining({ name: 'store', isOk: false }));
    const refused = await fetch(`http://127.0.0.1:${gateway.gateway.adminPort}/v1/tenants/acme/suspend`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
  },
);
