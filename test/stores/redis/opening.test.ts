import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../../src/base/outage.ts';
import { Secret } from '../../../src/base/secret.ts';
import {
  findFreePort,
  type RunningRedis,
  redisMissing,
  redisSettings,
  startRedis,
} from '../../support/redis.ts';
import { recordedLog, useOpenStores } from './opened-stores.ts';

describe.skipIf(redisMissing)(`opening a Redis store ${redisMissing ?? ''}`, () => {
  let redis: RunningRedis;
  const open = useOpenStores();
  beforeAll(async () => {
    redis = await startRedis(['--appendonly', 'no']);
    await redis.admin.acl(
      'SETUSER',
      'modest',
      'on',
      '>secret',
      '~gatehouse:*',
      '+@read',
      '+@write',
      '+@scripting',
      '+@connection',
    );
  });
  afterAll(() => redis.stop());

  async function refusalOf(url: string): Promise<string> {
    const { log, lines } = recordedLog();
    const error: unknown = await open(redisSettings({ url }), log).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoreUnavailable);
    expect(lines.join('') + String(error)).not.toContain('wrong-password');
    return error instanceof Error ? error.message : '';
  }

  it.each(['allkeys-lru', 'volatile-ttl', 'allkeys-random'])(
    'is refused while the server evicts by %s',
    async (policy) => {
      await redis.admin.config('SET', 'maxmemory-policy', policy);
      expect(await refusalOf(redis.url)).toBe(
        `The store, Redis at 127.0.0.1:${redis.port}, may evict what is revoked (maxmemory-policy ${policy}): set maxmemory-policy noeviction.`,
      );
      await redis.admin.config('SET', 'maxmemory-policy', 'noeviction');
      await expect(open(redisSettings(redis))).resolves.toBeDefined();
    },
  );

  it.each([
    ['appendonly no', /^None: without appendonly/],
    ['appendfsync no', /^Weak: /],
    ['appendfsync everysec', /^Up to a second: /],
    ['appendfsync always', /^Full: /],
  ])('says in log and status how durable %s is', async (setting, says) => {
    const [name = '', value = ''] = setting.split(' ');
    if (name === 'appendfsync') await redis.admin.config('SET', 'appendonly', 'yes');
    await redis.admin.config('SET', name, value);
    const { log, lines } = recordedLog();
    const { server } = await open(redisSettings(redis), log);
    expect(server.durability).toMatch(says);
    expect(server.version).toMatch(/^Redis \d+\.\d+\.\d+$/);
    expect(lines.some((line) => line.includes(server.durability))).toBe(true);
  });

  it('warns and goes on where the ACL forbids INFO and CONFIG', async () => {
    const { log, lines } = recordedLog();
    const url = redis.url.replace('redis://', 'redis://modest:secret@');
    const stores = await open(redisSettings({ url }), log);
    await expect(stores.ping()).resolves.toBeUndefined();
    expect(stores.server).toEqual({ durability: 'Unknown: the server does not let the gateway ask.' });
    const warnings = lines.filter((line) => line.includes('is not checked'));
    expect(warnings.map((line) => (JSON.parse(line) as { command: string }).command)).toEqual([
      'INFO',
      'CONFIG GET appendfsync',
    ]);
  });

  it('is refused with a sentence, and without the password, when the server does not know it', async () => {
    const message = await refusalOf(redis.url.replace('redis://', 'redis://modest:wrong-password@'));
    expect(message).toBe(
      `The store, Redis at 127.0.0.1:${redis.port}, cannot be used: the server does not know this user name and password (WRONGPASS).`,
    );
  });

  it('is refused in bounded time when nobody listens, or somebody who says nothing', async () => {
    expect(await refusalOf(`redis://127.0.0.1:${await findFreePort()}`)).toMatch(
      /cannot be used: the connection failed \(ECONNREFUSED\)/,
    );

    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const address = silent.address();
    const startedAt = performance.now();
    expect(await refusalOf(`redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)).toMatch(
      /did not answer in time/,
    );
    expect(performance.now() - startedAt).toBeLessThan(3000);
    silent.close();
  });

  it('is refused when the server speaks no TLS or is not who it should be', async () => {
    expect(await refusalOf(redis.url.replace('redis:', 'rediss:'))).toMatch(/cannot be used: /);
  });

  it.each([
    ['Redis', 'redis_version:6.0.16', 'Redis 6.0.16: Redis 6.2 or newer is needed'],
    ['Redis', 'redis_version:5.0.7', 'Redis 5.0.7: Redis 6.2 or newer is needed'],
    ['Valkey', 'redis_version:7.2.4\r\nvalkey_version:7.0.1', 'Valkey 7.0.1: Valkey 7.2 or newer is needed'],
  ])('is refused by an old %s (%s)', async (_, version, says) => {
    const info = `# Server\r\n${version}\r\nloading:0\r\nmaxmemory_policy:noeviction\r\n`;
    const sockets = new Set<{ destroy(): void }>();
    const old = createServer((socket) => {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('data', (data: Buffer) => {
          const commands = data.toString().match(/^\*\d/gm)?.length ?? 0;
          const answer = /info/i.test(data.toString()) ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n';
          socket.write('+OK\r\n'.repeat(commands - 1) + answer);
        });
    }).listen(0, '127.0.0.1');
    await once(old, 'listening');
    const address = old.address();
    expect(
      await refusalOf(`redis://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`),
    ).toContain(says);
    for (const socket of sockets) socket.destroy();
    old.close();
  });

  it.each(['http://127.0.0.1', 'redis://', '127.0.0.1:6379', 'redis://u:wrong-password@host/name'])(
    'refuses %s, which is no address of a Redis, without repeating it',
    async (url) => {
      const error: unknown = await open(redisSettings({ url })).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(RangeError);
      expect(String(error)).not.toContain('wrong-password');
    },
  );

  it.each(['', '{a}:', 'a*', 'a b'])('refuses the key prefix %j', async (keyPrefix) => {
    await expect(open(redisSettings(redis, { keyPrefix }))).rejects.toThrow(/^A key prefix is/);
  });

  it('takes the database of the URL, and a user and password beside it', async () => {
    const settings = redisSettings(
      { url: `${redis.url}/3` },
      { username: 'modest', password: new Secret('secret') },
    );
    const stores = await open(settings);
    await stores.tenants.list();
    expect(await redis.admin.exists('gatehouse:{gatehouse:state}:feed')).toBe(1);
    await redis.admin.select(3);
    expect(await redis.admin.exists('gatehouse:{gatehouse:state}:feed')).toBe(1);
    expect(await redis.admin.dbsize()).toBe(1);
    await redis.admin.select(0);
  });
});
