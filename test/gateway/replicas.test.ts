import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import type { StatusView } from '../../src/admin/schemas/operations.ts';
import { eventually } from '../support/authentication.ts';
import { ADMIN_TOKEN, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RunningRedis, redisMissing, startRedis } from '../support/redis.ts';

const running: TestGateway[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
});

async function startReplica(redis: RunningRedis, route: string): Promise<TestGateway> {
  const gateway = await startTestGateway({
    store: { redis: { url: redis.url, commandTimeout: '500ms' } },
    encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
    upstreams: { app: { targets: ['http://127.0.0.1:1'] } },
    routes: [{ id: route, match: { path: '/' }, public: true, upstream: 'app' }],
  });
  running.push(gateway);
  return gateway;
}

const statusOf = (gateway: TestGateway) => gateway.admin<StatusView>('GET', '/v1/status');

describe.skipIf(redisMissing)(`the status of replicas on one Redis ${redisMissing ?? ''}`, () => {
  it('either shows both, with what each serves, until one stops or the store is away', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const one = await startReplica(redis, 'one');
    const other = await startReplica(redis, 'other');
    for (const gateway of [one, other])
      await eventually(async () => (await statusOf(gateway)).replicas.length === 2, 'both replicas');

    const [status, otherStatus] = [await statusOf(one), await statusOf(other)];
    const self = status.replicas.find(({ isSelf }) => isSelf);
    const otherSelf = otherStatus.replicas.find(({ isSelf }) => isSelf);
    expect(self).toMatchObject({ revision: one.gateway.revision(), startedAt: status.startedAt });
    expect(otherSelf).toMatchObject({ revision: other.gateway.revision(), startedAt: otherStatus.startedAt });
    expect(self?.revision).not.toBe(otherSelf?.revision);
    expect(status.replicas.find(({ isSelf }) => !isSelf)).toEqual({
      ...otherSelf,
      isSelf: false,
      lagMilliseconds: expect.any(Number),
    });
    expect(otherStatus.replicas.map(({ id }) => id)).toEqual(status.replicas.map(({ id }) => id));

    running.pop();
    await other.stop();
    expect((await statusOf(one)).replicas).toMatchObject([{ id: self?.id, isSelf: true }]);

    await redis.kill();
    expect((await statusOf(one)).replicas).toMatchObject([{ id: self?.id, isSelf: true }]);
  });

  it('a backup does not hold them', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const gateway = await startReplica(redis, 'one');
    await eventually(async () => (await redis.admin.keys('*:replica:*')).length === 1, 'the announcement');
    const backup = await fetch(`http://127.0.0.1:${gateway.gateway.adminPort}/v1/backup`, {
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    expect(backup.status).toBe(200);
    expect(await backup.text()).not.toMatch(/replica/i);
  });
});
