import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../../src/base/outage.ts';
import { revocationIdOf } from '../../../src/revocation/revocation.ts';
import type { RedisStores } from '../../../src/stores/redis/redis-store.ts';
import { anApiKey, apiKeyId, aTenant, aTenantRevocation, NOW, tenantId } from '../../contract/fixtures.ts';
import { recordChanges } from '../../contract/store-adapter.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis, until } from '../../support/redis.ts';
import { lagOf, recordedLog, recordNames, useOpenStores } from './opened-stores.ts';

const CHANGES = 'gatehouse:{gatehouse:state}:changes';
const FEED = 'gatehouse:{gatehouse:state}:feed';

describe.skipIf(redisMissing)(`the change feed of two gateways on one Redis ${redisMissing ?? ''}`, () => {
  let redis: RunningRedis;
  let one: RedisStores;
  let other: RedisStores;
  const open = useOpenStores();
  beforeAll(async () => {
    redis = await startRedis([
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--enable-debug-command',
      'yes',
    ]);
  });
  afterAll(() => redis.stop());
  beforeEach(async () => {
    one = await open(redisSettings(redis));
    other = await open(redisSettings(redis));
  });
  afterEach(async () => {
    await redis.admin.flushall();
  });

  it('tells each what the other changed, in one order for both', async () => {
    const changes = [recordChanges(one), recordChanges(other)];
    await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        (at % 2 === 0 ? one : other).apiKeys.create(anApiKey(`key${at}`)),
      ),
    );
    await until('both know 200 changes', () => changes.every((told) => told.length === 200));
    expect(changes[1]).toEqual(changes[0]);
    expect(new Set(changes[0]?.map((change) => ('id' in change ? change.id : change.kind))).size).toBe(200);
  });

  it('carries the merged revocation, so that the other need not ask', async () => {
    const changes = recordChanges(other);
    await one.revocations.add(aTenantRevocation('acme', { issuedBefore: NOW }));
    await one.revocations.add(aTenantRevocation('acme', { issuedBefore: NOW - 5 }));
    await one.revocations.remove(revocationIdOf(aTenantRevocation('acme').target));
    await until('three changes', () => changes.length === 3);
    expect(changes).toMatchObject([
      { kind: 'revocationAdded', revocation: { issuedBefore: NOW } },
      { kind: 'revocationAdded', revocation: { issuedBefore: NOW } },
      { kind: 'revocationRemoved' },
    ]);
  });

  it('does not take an idle stream for a silent server: the lag stays under a second and a half', async () => {
    const worst: number[] = [];
    const end = performance.now() + 2000;
    await until('two seconds have passed', () => {
      worst.push(lagOf(one), lagOf(other));
      return performance.now() > end;
    });
    expect(Math.max(...worst)).toBeLessThan(1500);
    const beat = Number(await redis.admin.hget(FEED, 'beat'));
    expect(Date.now() - beat).toBeLessThan(3000);
  });

  it('lets the lag grow while the server is paused, and catches up when it goes on', async () => {
    const names = recordNames(other);
    redis.pause();
    await until('the lag is over two seconds', () => lagOf(other) > 2000);
    await expect(one.apiKeys.create(anApiKey('lost'))).rejects.toThrow(StoreUnavailable);
    redis.resume();
    await until('the lag is small again', () => lagOf(one) < 1000 && lagOf(other) < 1000);
    await one.apiKeys.create(anApiKey('after'));
    await until('the change after it is known', () => names.includes('after'));
    expect(names.filter((name) => name === 'resynchronise')).toEqual([]);
  });

  it('takes nothing for unknown that may be lost when the server was flushed, until a gateway begins anew', async () => {
    await one.apiKeys.create(anApiKey('before'));
    const names = recordNames(other);
    await redis.admin.flushall();
    const lost = [
      other.apiKeys.findById(apiKeyId('before')),
      other.apiKeys.findByDigest(anApiKey('before').digest),
      other.apiKeys.create(anApiKey('unsafe')),
      other.tenants.list(),
      other.tenants.listSuspensions(),
      other.revocations.list(NOW),
      other.keyring.list(),
      other.ping(),
    ];
    for (const answer of await Promise.allSettled(lost)) {
      expect(answer).toMatchObject({ status: 'rejected', reason: { message: /has lost the data/ } });
    }
    await until('the lag shows it', () => lagOf(other) > 1500);
    expect(await redis.admin.keys('*')).toEqual([]);
    await open(redisSettings(redis));
    await until('it is told', () => names.includes('resynchronise'));
    await one.apiKeys.create(anApiKey('after'));
    await until('the change after it is known', () => names.includes('after'));
    expect(names).toEqual(['resynchronise', 'after']);
    expect(lagOf(other)).toBeLessThan(1500);
  });

  it('has everything read anew when it was flushed and filled again between two looks', async () => {
    for (const id of ['a', 'b', 'c']) await one.apiKeys.create(anApiKey(id));
    const names = recordNames(other);
    await redis.admin.flushall();
    const third = await open(redisSettings(redis));
    await Promise.all(['x', 'y', 'z', 'w'].map((id) => third.apiKeys.create(anApiKey(id))));
    await until('it is told', () => names.includes('resynchronise'));
    await until('the first gateway sees it too', () => lagOf(one) < 1000);
    await third.apiKeys.create(anApiKey('after'));
    await until('the change after it is known', () => names.includes('after'));
    expect((await other.apiKeys.list({ limit: 10 })).map(({ id }) => id)).toEqual([
      'after',
      'w',
      'x',
      'y',
      'z',
    ]);
  });

  it('has everything read anew when the stream was trimmed before it was read', async () => {
    const names = recordNames(other);
    await one.apiKeys.create(anApiKey('known'));
    await until('it is known', () => names.includes('known'));
    // In one step, so that nobody can read what is between.
    await redis.admin.eval(
      `for made = redis.call('HGET', KEYS[1], 'made') + 1, redis.call('HGET', KEYS[1], 'made') + 50 do
        redis.call('HSET', KEYS[1], 'made', made)
        redis.call('XADD', KEYS[2], 'MAXLEN', '=', 3, '*', 'n', made, 'c', '{"kind":"apiKeyChanged","id":"k' .. made .. '"}')
      end`,
      2,
      FEED,
      CHANGES,
    );
    await until('it is told', () => names.includes('resynchronise'));
    await one.apiKeys.create(anApiKey('after'));
    await until('the change after it is known', () => names.includes('after'));
    expect(names).toEqual(['known', 'resynchronise', 'after']);
  });

  it('has everything read anew when the server came back with an older past', async () => {
    await one.apiKeys.create(anApiKey('kept'));
    const [feed, changes] = await Promise.all([
      redis.admin.dumpBuffer(FEED),
      redis.admin.dumpBuffer(CHANGES),
    ]);
    const names = recordNames(other);
    const told = recordChanges(other);
    await one.revocations.add(aTenantRevocation('acme'));
    await until('it is known', () => names.includes('revocationAdded'));
    await redis.admin
      .multi()
      .restore(FEED, 0, feed, 'REPLACE')
      .restore(CHANGES, 0, changes, 'REPLACE')
      .exec();
    await until('it is told', () => names.includes('resynchronise'));
    expect(names).toEqual(['revocationAdded', 'resynchronise']);
    expect(told.at(-1)).toEqual({ kind: 'resynchronise', isRewound: true });
  });

  it('takes a change that only a newer Gatehouse understands for "anything may have changed"', async () => {
    const names = recordNames(other);
    await redis.admin.eval(
      `local made = redis.call('HINCRBY', KEYS[1], 'made', 1)
      redis.call('XADD', KEYS[2], '*', 'n', made, 'c', '{"kind":"sessionEnded","id":"s1"}')`,
      2,
      FEED,
      CHANGES,
    );
    await one.tenants.create(aTenant('acme'), NOW);
    await until('both are known', () => names.includes('acme'));
    expect(names).toEqual(['resynchronise', 'acme']);
  });

  it('goes on where it was after the connections were cut, with nothing told twice', async () => {
    const names = recordNames(other);
    await one.apiKeys.create(anApiKey('before'));
    await redis.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until('it can be written again', () =>
      one.apiKeys.create(anApiKey('after')).then(
        () => true,
        () => false,
      ),
    );
    await until('the change after it is known', () => names.includes('after'));
    expect(names).toEqual(['before', 'after']);
  });

  it('keeps what was acknowledged through kill -9 and a restart, and goes on', async () => {
    const names = recordNames(other);
    const acknowledged: string[] = [];
    const end = new AbortController();
    const writing = (async () => {
      for (let at = 0; !end.signal.aborted; at += 1) {
        try {
          await one.apiKeys.create(anApiKey(`key${at}`));
          acknowledged.push(`key${at}`);
        } catch {
          // Whether it was made is unknown; that it was not acknowledged is what counts.
        }
      }
    })();
    await until('some are acknowledged', () => acknowledged.length > 50);
    await redis.kill();
    end.abort();
    await writing;
    await expect(one.ping()).rejects.toThrow(StoreUnavailable);
    await redis.start();
    await until('the store answers', () =>
      one.ping().then(
        () => true,
        () => false,
      ),
    );
    const stored = new Set((await one.apiKeys.list({ limit: 100_000 })).map(({ id }) => id));
    expect(acknowledged.filter((id) => !stored.has(apiKeyId(id)))).toEqual([]);

    await one.apiKeys.create(anApiKey('after'));
    await until('the change after it is known', () => names.includes('after'));
    expect(names).toEqual([...stored, 'after'].toSorted((a, b) => names.indexOf(a) - names.indexOf(b)));
    expect(names.length).toBe(stored.size + 1);
  });

  it('says in the log that changes may have been missed, with both numbers', async () => {
    const { log, lines } = recordedLog();
    await open(redisSettings(redis), log);
    await redis.admin.flushall();
    await open(redisSettings(redis));
    await until('it is said', () => lines.some((line) => line.includes('may have been missed')));
    expect(lines.join('')).toMatch(/"sameEpoch":false/);
  });

  it('does not hold an acknowledgement back for ever when its own feed cannot be read', async () => {
    await redis.admin.acl('SETUSER', 'writer', 'on', '>secret', '~*', '+@all');
    const url = redis.url.replace('redis://', 'redis://writer:secret@');
    const writer = await open(redisSettings({ url }, { commandTimeout: 300 }));
    const names = recordNames(writer);
    await redis.admin.acl('SETUSER', 'writer', '-xread');
    // Ends the read that the server had allowed before.
    await writer.tenants.setSuspension(tenantId('globex'), true, NOW);
    const startedAt = performance.now();
    expect(await writer.tenants.setSuspension(tenantId('acme'), true, NOW)).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect(names).toEqual(['globex']);
    await until('the lag shows it', () => lagOf(writer) > 1000);
    await redis.admin.acl('SETUSER', 'writer', '+xread');
    await until('it is told later', () => names.includes('acme'));
    await until('the lag is small again', () => lagOf(writer) < 1000);
  });
});
