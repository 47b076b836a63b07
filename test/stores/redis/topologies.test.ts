import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { RedisStores } from '../../../src/stores/redis/redis-store.ts';
import type { RedisSettings } from '../../../src/stores/redis/settings.ts';
import {
  aKeyring,
  anApiKey,
  anAuditRecord,
  apiKeyId,
  aReplica,
  aSession,
  aTenant,
  aTenantRevocation,
  aTicket,
  MINUTE,
  NOW,
  tenantId,
} from '../../contract/fixtures.ts';
import {
  type RunningRedis,
  type RunningSentinel,
  redisMissing,
  redisSettings,
  startRedis,
  startRedisCluster,
  startSentinel,
  until,
} from '../../support/redis.ts';
import { lagOf, recordNames, useOpenStores } from './opened-stores.ts';

const open = useOpenStores();
const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

function keep<T extends { stop(): Promise<void> }>(server: T): T {
  running.push(server);
  return server;
}

/** Every step that names several keys at once, so that a key in another slot would be refused. */
async function useEveryPort(stores: RedisStores, other: RedisStores): Promise<void> {
  const names = recordNames(other);
  const acme = tenantId('acme');
  await stores.tenants.create(aTenant('acme', { hosts: ['a.example.com', 'b.example.com'] }), NOW);
  await stores.tenants.update(acme, { hosts: ['b.example.com', 'c.example.com'] }, NOW);
  await stores.tenants.setSuspension(tenantId('globex'), true, NOW);
  await stores.apiKeys.create(anApiKey('old'));
  expect(await stores.apiKeys.rotate(apiKeyId('old'), anApiKey('new'), NOW + MINUTE)).toBe('rotated');
  await stores.apiKeys.recordUses(new Map([[apiKeyId('new'), NOW]]));
  expect(await other.apiKeys.findByDigest(anApiKey('new').digest)).toMatchObject({ lastUsedAt: NOW });
  expect(await other.apiKeys.list({ tenant: acme, limit: 5 })).toHaveLength(2);
  expect(await stores.apiKeys.revoke(apiKeyId('new'), NOW)).toBe('revoked');
  await stores.revocations.add(aTenantRevocation('acme', { expiresAt: NOW + MINUTE }));
  expect(await other.revocations.list(NOW)).toHaveLength(1);
  expect(await stores.revocations.prune(NOW + MINUTE)).toBe(1);
  expect(await stores.keyring.save(aKeyring('assertion:ES256'), 0)).toBe('saved');
  await useSessions(stores, other);
  for (let at = 0; at < 20; at += 1) {
    expect(await stores.replays.claim('nonce', `n${at}`, NOW + MINUTE, NOW)).toBe(true);
    expect(await other.replays.claim('nonce', `n${at}`, NOW + MINUTE, NOW)).toBe(false);
  }
  for (const id of ['host:1', 'host:2', 'host:3']) await stores.replicas.announce(aReplica(id), MINUTE);
  await stores.replicas.withdraw('host:1');
  expect(await other.replicas.list()).toEqual([aReplica('host:2'), aReplica('host:3')]);
  await stores.audit.append([anAuditRecord('d1'), anAuditRecord('d2')]);
  expect(await other.audit.read({ decisionId: 'd2', limit: 5 })).toHaveLength(1);
  expect(await stores.audit.prune(1)).toBe(1);
  expect(await stores.tenants.delete(acme)).toBe(true);
  expect(await other.apiKeys.list({ limit: 5 })).toEqual([]);
  await until('the other knows all', () => names.length === 16);
  expect(names).toEqual([
    'acme',
    'acme',
    'globex',
    'old',
    'new',
    'old',
    'new',
    'revocationAdded',
    'keyringChanged',
    'sessionChanged',
    'sessionChanged',
    'sessionChanged',
    'sessionChanged',
    'acme',
    'new',
    'old',
  ]);
}

async function useSessions(stores: RedisStores, other: RedisStores): Promise<void> {
  const session = aSession('OLD', { client: 'client:web' });
  const successor = aSession('NEW');
  const jar = { sealed: 'x', revision: 1 };
  await stores.sessions.create(session, jar);
  expect(await other.sessions.find(session.id)).toEqual({ session, jar });
  expect(await stores.sessions.replace({ ...session, revision: 2 }, 1)).toBe('replaced');
  expect(await stores.sessions.saveJar(session.id, { ...jar, revision: 2 }, 1)).toBe('saved');
  expect(await stores.sessions.supersede(session.id, 2, successor, jar)).toBe('superseded');
  expect(await other.sessions.list({ subject: successor.subject, limit: 9 })).toEqual([successor]);
  expect(await stores.sessions.end(successor.id)).toBe(true);
  await stores.sessions.create(session, jar);
  expect(await stores.sessions.prune(session.absoluteEnd)).toBe(1);
  for (let at = 0; at < 20; at += 1) {
    const digest = createHash('sha256').update(`token ${at}`).digest('hex');
    await stores.tokens.put(digest, aTicket(`k${at}`));
    expect(await other.tokens.find(digest)).toEqual(aTicket(`k${at}`));
    expect(await other.tokens.take(digest)).toEqual(aTicket(`k${at}`));
    expect(await stores.tokens.remove(digest)).toBe(false);
  }
}

/** A primary and a replica in step, and a sentinel that knows both. */
async function startWatched(): Promise<{
  primary: RunningRedis;
  replica: RunningRedis;
  sentinel: RunningSentinel;
  settings: RedisSettings;
}> {
  const primary = keep(await startRedis(['--repl-diskless-sync-delay', '0']));
  const replica = keep(await startRedis(['--replicaof', '127.0.0.1', String(primary.port)]));
  await until('the replica is in step', async () =>
    (await replica.admin.info('replication')).includes('master_link_status:up'),
  );
  const sentinel = keep(await startSentinel(primary));
  await until('the sentinel knows the replica', async () => {
    const replicas = (await sentinel.admin.call('SENTINEL', 'REPLICAS', 'gatehouse')) as string[][];
    const valueOf = (name: string) => replicas[0]?.[(replicas[0]?.indexOf(name) ?? -1) + 1];
    return valueOf('flags') === 'slave' && valueOf('master-link-status') === 'ok';
  });
  const settings: RedisSettings = {
    server: {
      kind: 'sentinel',
      name: 'gatehouse',
      sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
    },
    keyPrefix: 'gatehouse:',
    commandTimeout: 1000,
  };
  return { primary, replica, sentinel, settings };
}

/** Connections of gateways to this server. */
async function gatewaysAt({ admin }: RunningRedis): Promise<number> {
  return String(await admin.call('CLIENT', 'LIST', 'TYPE', 'normal')).split('name=gatehouse ').length - 1;
}

describe.skipIf(redisMissing)(`Redis Sentinel ${redisMissing ?? ''}`, () => {
  it('serves every port, and goes on with the new primary after a failover', async () => {
    const { primary, replica, settings } = await startWatched();
    const stores = await open(settings);
    const other = await open(settings);
    await useEveryPort(stores, other);
    await stores.apiKeys.create(anApiKey('before'));
    await until(
      'the replica has it',
      async () => (await replica.admin.hlen('gatehouse:{gatehouse:state}:api-keys')) === 1,
    );

    const names = recordNames(other);
    await primary.kill();
    await until(
      'the new primary takes writes',
      () =>
        stores.apiKeys.create(anApiKey('after')).then(
          (outcome) => outcome === 'created',
          () => false,
        ),
      15_000,
    );
    expect((await other.apiKeys.list({ limit: 5 })).map(({ id }) => id)).toEqual(['after', 'before']);
    await until('the other knows it, or knows that it must ask', () =>
      names.some((name) => name !== 'before'),
    );
    await until('the lag is small again', () => lagOf(stores) < 1000 && lagOf(other) < 1000);
  });

  it('goes to the new primary of a planned failover before the old one refuses to be one', async () => {
    const { primary, replica, sentinel, settings } = await startWatched();
    await open(settings);
    expect([await gatewaysAt(primary), await gatewaysAt(replica)]).toEqual([2, 0]);
    await sentinel.admin.call('SENTINEL', 'FAILOVER', 'gatehouse');
    await until('both connections are at the new one', async () => (await gatewaysAt(replica)) === 2, 8000);
    expect(await gatewaysAt(primary)).toBe(0);
    expect(await primary.admin.info('replication')).toContain('role:master');
  });

  it('has everything read anew when the new primary had lost what was acknowledged, and makes it again', async () => {
    const { primary, replica, settings } = await startWatched();
    const stores = await open(settings);
    const names = recordNames(stores);
    await stores.apiKeys.create(anApiKey('kept'));
    await until(
      'the replica has it',
      async () => (await replica.admin.hlen('gatehouse:{gatehouse:state}:api-keys')) === 1,
    );
    // The primary goes on alone: it takes the link of the replica for dead, as after a cut of the network.
    await replica.admin.config('SET', 'masterauth', 'wrong');
    await primary.admin.config('SET', 'requirepass', 'other');
    await primary.admin.call('CLIENT', 'KILL', 'TYPE', 'replica');
    await stores.revocations.add(aTenantRevocation('acme'));
    await stores.apiKeys.create(anApiKey('lost'));
    await stores.tenants.setSuspension(tenantId('globex'), true, NOW);
    await until('it is told', () => names.includes('globex'));
    await primary.kill();
    await until('it is told', () => names.includes('resynchronise'), 15_000);
    expect(await stores.apiKeys.findById(apiKeyId('kept'))).toBeDefined();
    await until(
      'what was lost is there again',
      async () => (await stores.tenants.listSuspensions()).length === 1,
    );
    expect(await stores.revocations.list(NOW)).toEqual([aTenantRevocation('acme')]);
    expect(await stores.apiKeys.findByDigest(anApiKey('lost').digest)).toBeDefined();
    expect(names.filter((name) => name === 'lost')).toHaveLength(2);
  });
});

describe.skipIf(redisMissing)(`Redis Cluster ${redisMissing ?? ''}`, () => {
  it('serves every port, each atomic step in one slot, and recovers when the node of that slot comes back', async () => {
    const nodes = await startRedisCluster();
    for (const node of nodes) keep(node);
    const settings: RedisSettings = {
      server: { kind: 'cluster', nodes: nodes.slice(0, 2).map(({ host, port }) => ({ host, port })) },
      keyPrefix: 'gatehouse:',
      commandTimeout: 1000,
    };
    const stores = await open(settings);
    const other = await open(settings);
    expect(stores.server.version).toMatch(/^Redis /);
    await useEveryPort(stores, other);

    const spread = await Promise.all(nodes.map((node) => node.admin.keys('gatehouse:replay:*')));
    expect(spread.filter((keys) => keys.length > 0).length).toBeGreaterThan(1);
    const holders = await Promise.all(
      nodes.map((node) => node.admin.exists('gatehouse:{gatehouse:state}:feed').catch(() => 0)),
    );
    const owner = nodes[holders.indexOf(1)];
    expect(owner).toBeDefined();

    const names = recordNames(other);
    await owner?.kill();
    await expect(stores.apiKeys.create(anApiKey('refused'))).rejects.toThrow(/The Redis store failed/);
    await owner?.start();
    await until(
      'it serves again',
      () =>
        stores.apiKeys.create(anApiKey('after')).then(
          (outcome) => outcome === 'created',
          () => false,
        ),
      15_000,
    );
    await until(
      'the other knows that it must ask',
      () => names.includes('resynchronise') || names.includes('after'),
      15_000,
    );
    await until('the lag is small again', () => lagOf(stores) < 1000 && lagOf(other) < 1000, 15_000);
  });
});

describe.skipIf(redisMissing)(`a database number ${redisMissing ?? ''}`, () => {
  it('keeps two gateways apart, as two prefixes do', async () => {
    const redis = keep(await startRedis());
    const stores = await Promise.all([
      open(redisSettings(redis)),
      open(redisSettings({ url: `${redis.url}/1` })),
      open(redisSettings(redis, { keyPrefix: 'other:' })),
    ]);
    for (const each of stores) expect(await each.apiKeys.create(anApiKey('key'))).toBe('created');
  });
});
