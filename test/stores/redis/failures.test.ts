import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../../src/base/outage.ts';
import type { RedisStores } from '../../../src/stores/redis/redis-store.ts';
import {
  anApiKey,
  anAuditRecord,
  apiKeyId,
  aSession,
  aTenantRevocation,
  MINUTE,
  NOW,
  sessionId,
} from '../../contract/fixtures.ts';
import { recordChanges } from '../../contract/store-adapter.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis, until } from '../../support/redis.ts';
import { lagOf, recordedLog, useOpenStores } from './opened-stores.ts';

const PASSWORD = 'correct-horse-battery';
/** No answer may take longer, whatever is wrong: `commandTimeout` and some patience with a busy machine. */
const BOUND = 2500;

/** Unknown so far, since a write without an answer may have been made. */
function newName(): string {
  return randomUUID().slice(0, 8);
}

function newDigest(): string {
  return createHash('sha256').update(randomUUID()).digest('hex');
}

const RATE = { count: 5, windowMilliseconds: MINUTE };

type Fault = readonly [
  name: string,
  begin: (redis: RunningRedis) => Promise<unknown>,
  end: (redis: RunningRedis) => Promise<unknown>,
  says: RegExp,
];

const DOWN: readonly Fault[] = [
  ['is killed', (redis) => redis.kill(), (redis) => redis.start(), /ECONNREFUSED|no connection|ECONNRESET/],
  [
    'does not answer',
    async (redis) => redis.pause(),
    async (redis) => redis.resume(),
    /did not answer in time|no connection/,
  ],
];

const REFUSES_WRITES: readonly Fault[] = [
  [
    'answers READONLY, since it is a replica now',
    (redis) => redis.admin.replicaof('127.0.0.1', '1'),
    (redis) => redis.admin.replicaof('NO', 'ONE'),
    /READONLY|no connection/,
  ],
  [
    'answers OOM',
    (redis) => redis.admin.config('SET', 'maxmemory', '1'),
    (redis) => redis.admin.config('SET', 'maxmemory', '0'),
    /OOM/,
  ],
  [
    'answers NOREPLICAS',
    (redis) => redis.admin.config('SET', 'min-replicas-to-write', '1'),
    (redis) => redis.admin.config('SET', 'min-replicas-to-write', '0'),
    /NOREPLICAS/,
  ],
  [
    'answers NOPERM',
    (redis) => redis.admin.acl('SETUSER', 'gatehouse', '-evalsha', '-eval'),
    (redis) => redis.admin.acl('SETUSER', 'gatehouse', '+evalsha', '+eval'),
    /NOPERM/,
  ],
  [
    'knows the user no more (NOAUTH, WRONGPASS)',
    async (redis) => {
      await redis.admin.acl('SETUSER', 'gatehouse', 'off');
      await redis.admin.call('CLIENT', 'KILL', 'USER', 'gatehouse');
    },
    (redis) => redis.admin.acl('SETUSER', 'gatehouse', 'on'),
    /WRONGPASS|no connection/,
  ],
];

async function outageOf(call: Promise<unknown>, says: RegExp): Promise<void> {
  const startedAt = performance.now();
  const outcome = await call.then(
    (value) => ({ value }),
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(StoreUnavailable);
  expect(String(outcome)).toMatch(says);
  expect(performance.now() - startedAt).toBeLessThan(BOUND);
}

describe.skipIf(redisMissing)(`a Redis that fails ${redisMissing ?? ''}`, () => {
  let redis: RunningRedis;
  const open = useOpenStores();
  beforeAll(async () => {
    const user = ['--user', 'gatehouse', 'on', `>${PASSWORD}`, '~gatehouse:*', '+@all'];
    redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always', ...user]);
  });
  afterAll(() => redis.stop());

  function openAsUser(log = recordedLog().log): Promise<RedisStores> {
    const url = redis.url.replace('redis://', `redis://gatehouse:${PASSWORD}@`);
    return open(redisSettings({ url }), log);
  }

  it.each([...DOWN, ...REFUSES_WRITES])(
    'that %s makes writes an outage in bounded time, and serves again by itself',
    async (_, begin, end, says) => {
      const { log, lines } = recordedLog();
      const stores = await openAsUser(log);
      const changes = recordChanges(stores);
      const refused = anApiKey(`refused-${newName()}`);
      const session = aSession(newName().toUpperCase());
      const key = anApiKey(`rotated-${newName()}`);
      await stores.sessions.create(session, undefined);
      await stores.apiKeys.create(key);
      await begin(redis);
      try {
        for (const call of [
          () => stores.revocations.add(aTenantRevocation('acme')),
          () => stores.apiKeys.create(refused),
          () => stores.replays.claim('nonce', newName(), NOW + MINUTE, NOW),
          () => stores.audit.append([anAuditRecord('d1')]),
          () => stores.sessions.create(aSession(newName().toUpperCase()), undefined),
          () => stores.sessions.replace({ ...session, revision: session.revision + 1 }, session.revision),
          () => stores.apiKeys.rotate(key.id, anApiKey(`successor-${newName()}`), NOW + MINUTE),
          () => stores.attempts.take('login:acme:alice', RATE, NOW),
          () => stores.usages.add('tenant:acme', RATE, 1),
        ]) {
          await outageOf(call(), says);
        }
      } finally {
        await end(redis);
      }
      const created = anApiKey(`after-${newName()}`);
      await until('it serves again', () =>
        stores.apiKeys.create(created).then(
          (outcome) => outcome === 'created',
          () => false,
        ),
      );
      await until('the change is told', () =>
        changes.some((change) => 'id' in change && change.id === created.id),
      );
      await until('the lag is small again', () => lagOf(stores) < 1000);
      expect(lines.join('')).not.toContain(PASSWORD);
    },
  );

  it.each(DOWN)('that %s makes reads an outage too, never "not found"', async (_, begin, end, says) => {
    const stores = await openAsUser();
    await begin(redis);
    try {
      await outageOf(stores.apiKeys.findById(apiKeyId('absent')), says);
      await outageOf(stores.revocations.list(NOW), says);
      await outageOf(stores.sessions.find(sessionId('ABSENT')), says);
      await outageOf(stores.tokens.find(newDigest()), says);
      await outageOf(stores.ping(), says);
    } finally {
      await end(redis);
    }
    await until('it serves again', () =>
      stores.ping().then(
        () => true,
        () => false,
      ),
    );
  });

  it('that has been gone for longer than an answer may take is an outage at once', async () => {
    const stores = await openAsUser();
    await redis.kill();
    await expect(stores.ping()).rejects.toThrow(StoreUnavailable);
    const startedAt = performance.now();
    for (let at = 0; at < 50; at += 1) await expect(stores.ping()).rejects.toThrow(StoreUnavailable);
    expect(performance.now() - startedAt).toBeLessThan(1000);
    await redis.start();
    await until('it serves again', () =>
      stores.ping().then(
        () => true,
        () => false,
      ),
    );
  });

  it('that is loading its data is an outage until it has, for gateways that run and for those that start', async () => {
    const stores = await openAsUser();
    await redis.admin.eval("for at = 1, 2000 do redis.call('SET', 'filler' .. at, at) end", 0);
    await redis.admin.bgrewriteaof();
    await until('the file is written', async () =>
      (await redis.admin.info('persistence')).includes('aof_rewrite_in_progress:0'),
    );
    await redis.kill();
    // A millisecond for each key, while which the server answers LOADING.
    const loaded = redis.start([
      '--key-load-delay',
      '1000',
      '--loading-process-events-interval-bytes',
      '1024',
    ]);
    let isLoaded = false;
    const flagged = (async () => {
      await loaded;
      isLoaded = true;
    })();
    const observer = redis.admin.duplicate({ enableReadyCheck: false });
    observer.on('error', () => undefined);
    await until('it is loading', () =>
      observer.ping().then(
        () => false,
        (error: Error) => error.message.startsWith('LOADING'),
      ),
    );
    observer.disconnect();
    const starting = openAsUser();
    await outageOf(stores.revocations.add(aTenantRevocation('acme')), /LOADING|no connection/);
    await outageOf(stores.apiKeys.findById(apiKeyId('absent')), /LOADING|no connection/);
    expect(isLoaded).toBe(false);
    await flagged;
    await expect(starting.then((opened) => opened.ping())).resolves.toBeUndefined();
    await until('it serves again', () =>
      stores.ping().then(
        () => true,
        () => false,
      ),
    );
  });

  it('that is only out of memory still proves that nothing changes: the feed does not lag', async () => {
    const stores = await openAsUser();
    await redis.admin.config('SET', 'maxmemory', '1');
    try {
      const end = performance.now() + 1800;
      await until('some beats have passed', () => performance.now() > end);
      expect(lagOf(stores)).toBeLessThan(1500);
    } finally {
      await redis.admin.config('SET', 'maxmemory', '0');
    }
  });

  it('that takes no writes as a replica, or for want of replicas, proves nothing: the feed lags', async () => {
    const stores = await openAsUser();
    await redis.admin.config('SET', 'min-replicas-to-write', '1');
    try {
      await until('the lag is over two seconds', () => lagOf(stores) > 2000);
    } finally {
      await redis.admin.config('SET', 'min-replicas-to-write', '0');
    }
    await until('the lag is small again', () => lagOf(stores) < 1000);
  });

  it('that forgot its scripts is told them again', async () => {
    const stores = await openAsUser();
    await stores.revocations.add(aTenantRevocation('acme'));
    await redis.admin.script('FLUSH');
    await expect(
      stores.revocations.add(aTenantRevocation('acme', { reason: 'again' })),
    ).resolves.toMatchObject({
      reason: 'again',
    });
  });

  it('that holds a damaged record is an outage, never "not found"', async () => {
    const stores = await openAsUser();
    await stores.revocations.add(aTenantRevocation('acme'));
    await redis.admin.hset('gatehouse:{gatehouse:state}:revocations', 'tenant:acme', '{"target":');
    await outageOf(stores.revocations.list(NOW), /holds a record that cannot be read/);
    await redis.admin.hdel('gatehouse:{gatehouse:state}:revocations', 'tenant:acme');
    await outageOf(stores.revocations.list(NOW), /holds a record that cannot be read/);
    await stores.revocations.add(aTenantRevocation('acme'));
    expect(await stores.revocations.list(NOW)).toHaveLength(1);
  });

  it('that holds another program’s key under the name of ours is an outage that says so', async () => {
    const stores = await openAsUser();
    await redis.admin.rename('gatehouse:{gatehouse:state}:revocations', 'aside');
    await redis.admin.set('gatehouse:{gatehouse:state}:revocations', 'a string');
    await outageOf(stores.revocations.list(NOW), /another program: choose another key prefix \(WRONGTYPE\)/);
    await redis.admin.rename('aside', 'gatehouse:{gatehouse:state}:revocations');
  });
});
