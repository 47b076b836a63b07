import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { type RunningRedis, redisMissing, startRedis, until } from '../support/redis.ts';
import { wire } from '../support/wire.ts';

let redis: RunningRedis;
let upstream: RawUpstream;
let replicas: TestGateway[];

/** Two replicas with an open route of this total. */
async function start(total: string): Promise<readonly [TestGateway, TestGateway]> {
  const config: ConfigObject = {
    store: { redis: { url: redis.url, commandTimeout: '3s' } },
    encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
    logging: { level: 'warn' },
    audit: { requests: 'denied' },
    // Callers and gateways share a process here, whose waits are no overload.
    upstreams: { api: { targets: [upstream.origin] } },
    routes: [{ id: 'api', match: { path: '/' }, public: true, limits: { total }, upstream: 'api' }],
  };
  const [one, other] = await Promise.all([startTestGateway(config), startTestGateway(config)]);
  replicas.push(one, other);
  return [one, other];
}

beforeEach(async () => {
  replicas = [];
  redis = await startRedis();
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
  await upstream.close();
  await redis.stop();
});

const ask = async (replica: TestGateway) => (await replica.raw(wire('GET /'))).status;

/** Requests one after another, until `goesOn` says no; how many were admitted. */
async function ply(replica: TestGateway, goesOn: () => boolean): Promise<number> {
  let admitted = 0;
  while (goesOn()) if ((await ask(replica)) === 200) admitted += 1;
  return admitted;
}

/** Several callers of each replica at a time. */
async function plyAll(callers: number, goesOn: () => boolean): Promise<number> {
  const counts = await Promise.all(
    replicas.flatMap((replica) => Array.from({ length: callers }, () => ply(replica, goesOn))),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

describe.skipIf(redisMissing)(`a rate limit that two replicas share ${redisMissing ?? ''}`, () => {
  it('what one used up, the other refuses after the one request by which it learns of it', async () => {
    const [one, other] = await start('20/h');
    for (let request = 0; request < 20; request += 1) expect(await ask(one)).toBe(200);
    expect(await ask(one)).toBe(429);
    await until('all are told', async () => Number((await usedInRedis())[0]) > 19.9);
    expect(await ask(other)).toBe(200);
    await until('the other knows', async () => (await ask(other)) === 429);
    expect(Math.round(Number((await usedInRedis())[0]))).toBe(21);
  });

  it('under load on both admits its count and no more than each admits between two answers of the store', async () => {
    await start('100/h');
    let left = 400;
    const admitted = await plyAll(4, () => (left -= 1) >= 0);
    process.stdout.write(`two replicas, 8 callers, 100 allowed: ${admitted} admitted\n`);
    expect(admitted).toBeGreaterThanOrEqual(100);
    // The other's callers, once around, and the tenth of what was left that it needs not tell at once.
    expect(admitted).toBeLessThanOrEqual(100 + 4 + 10);
  });

  it('over time admits what the rate gives, since what was too much is paid back', async () => {
    await start('40/s');
    const began = performance.now();
    const admitted = await plyAll(3, () => performance.now() - began < 2500);
    const allowed = 40 + (40 * (performance.now() - began)) / 1000;
    process.stdout.write(
      `two replicas, 6 callers, ${Math.round(allowed)} allowed over time: ${admitted} admitted\n`,
    );
    expect(admitted).toBeLessThanOrEqual(allowed + 3 + 4);
    expect(admitted).toBeGreaterThan(allowed * 0.5);
  });

  it('while the store is away holds in each replica, which says so once; afterwards in both together', async () => {
    const [one, other] = await start('20/h');
    expect(await ask(one)).toBe(200);
    await until('it is told', async () => (await usedInRedis()).length > 0);
    await redis.kill();
    for (const replica of [one, other]) {
      let admitted = 0;
      for (let request = 0; request < 25; request += 1) if ((await ask(replica)) === 200) admitted += 1;
      expect(admitted).toBe(replica === one ? 19 : 20);
      await until('it says so', async () =>
        (await replica.metrics()).includes('\ngatehouse_rate_limits_alone 1\n'),
      );
    }
    await redis.start();
    for (const replica of [one, other])
      await until('it is over', async () =>
        (await replica.metrics()).includes('\ngatehouse_rate_limits_alone 0\n'),
      );
    // Redis lost the first; what was admitted alone is told by both.
    await until('all is told', async () => Math.round(Number((await usedInRedis())[0])) === 39);
    for (const replica of [one, other]) {
      await until('it knows', async () => (await ask(replica)) === 429);
      expect(replica.log().split('each process limits on its own')).toHaveLength(2);
    }
  });
});

/** What the only bucket of the store holds: how many are used, and since when. */
async function usedInRedis(): Promise<readonly string[]> {
  const [key] = await redis.admin.keys('gatehouse:usage:*');
  return key === undefined ? [] : ((await redis.admin.get(key)) ?? '').split(' ');
}
