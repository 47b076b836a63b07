import { createHash } from 'node:crypto';
import pino from 'pino';
import { afterEach, expect, test } from 'vitest';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import {
  aClient,
  aKeyring,
  anApiKey,
  apiKeyId,
  aTenant,
  aTenantRevocation,
  MINUTE,
  NOW,
  tenantId,
} from '../contract/fixtures.ts';
import { redisMissing, redisSettings, startRedis } from '../support/redis.ts';
import { createBarrier } from './barrier.ts';
import { type AdminAnswer, type RunningAdmin, startAdmin } from './running-admin.ts';

const started: RunningAdmin[] = [];
afterEach(async () => {
  for (const admin of started.splice(0)) await admin.close();
});

async function start(options: Parameters<typeof startAdmin>[0] = {}): Promise<RunningAdmin> {
  const admin = await startAdmin(options);
  started.push(admin);
  return admin;
}

function restore({ call }: RunningAdmin, backup: string): Promise<AdminAnswer> {
  return call('POST', '/v1/restore', { body: backup, fields: { 'content-type': 'application/jsonl' } });
}

async function fill(stores: Stores): Promise<void> {
  await stores.tenants.create(aTenant('globex', { hosts: ['b.example.com', 'a.example.com'] }), NOW);
  await stores.tenants.create(
    aTenant('initech', {
      status: 'suspended',
      issuers: ['idp'],
      requestLimit: { count: 5, windowMilliseconds: 1000 },
    }),
    NOW,
  );
  await stores.tenants.setSuspension(tenantId('acme'), true, NOW);
  for (let at = 0; at < 1200; at += 1) await stores.apiKeys.create(anApiKey(`key-${at}`));
  await stores.apiKeys.create(
    anApiKey('all-members', {
      owner: 'Zoë',
      digest: { algorithm: 'hmac-sha256', hex: 'ab'.repeat(32) },
      roles: ['clerk, senior'],
      origin: 'imported',
      expiresAt: NOW + MINUTE + 0.5,
      revokedAt: NOW + 1,
      replacedBy: apiKeyId('key-1'),
      lastUsedAt: NOW + 2,
    }),
  );
  await stores.clients.create(
    aClient('web-app', {
      isPublic: true,
      secrets: [],
      grants: ['refresh_token'],
      tenants: 'any',
      login: 'main',
      browserSession: true,
      origins: ['https://app.example.com'],
      accessTokenFormat: 'jwt',
    }),
  );
  await stores.clients.create(
    aClient('erp', {
      secrets: [{ hex: 'ab'.repeat(32) }, { hex: 'cd'.repeat(32), expiresAt: NOW + MINUTE + 0.5 }],
    }),
  );
  await stores.revocations.add(aTenantRevocation('globex', { issuedBefore: NOW, reason: 'leak' }));
  await stores.revocations.add({
    target: { kind: 'token', issuer: 'idp', jti: 'j:1 ü' },
    expiresAt: NOW + 60 * MINUTE,
    revokedAt: NOW,
    revokedBy: 'admin:alice',
  });
  await stores.keyring.save(aKeyring('other:purpose'), 0);
}

async function contentOf({ tenants, clients, apiKeys, revocations, keyring }: Stores): Promise<object> {
  return {
    tenants: await tenants.list(),
    suspensions: await tenants.listSuspensions(),
    clients: await clients.list(),
    apiKeys: await apiKeys.list({ limit: 10_000 }),
    revocations: await revocations.list(NOW),
    keyrings: await keyring.list(),
  };
}

/** A backup of these lines whose end is right. */
function backupOf(...records: readonly object[]): string {
  return backupOfVersion(2, ...records);
}

function backupOfVersion(version: number, ...records: readonly object[]): string {
  const head = {
    kind: 'gatehouse-backup',
    version,
    createdAt: '2026-11-01T00:00:00.000Z',
    gatehouse: '0.1.0',
  };
  const text = [head, ...records].map((line) => `${JSON.stringify(line)}\n`).join('');
  return text + endOf(text, records.length);
}

function endOf(text: string, records: number): string {
  const sha256 = createHash('sha256').update(text).digest('hex');
  return `${JSON.stringify({ kind: 'end', records, sha256 })}\n`;
}

test('what was backed up is what was restored, member for member', async () => {
  const one = await start();
  const other = await start();
  await fill(one.stores);
  const backup = await one.call('GET', '/v1/backup');
  expect(backup).toMatchObject({ status: 200 });
  expect(backup.headers.get('content-type')).toContain('application/jsonl');
  expect(backup.headers.get('cache-control')).toBe('no-store');
  expect(await restore(other, backup.text)).toMatchObject({
    status: 200,
    json: { tenants: 2, suspensions: 1, clients: 2, apiKeys: 1201, revocations: 2, keyrings: 1 },
  });
  expect(await contentOf(other.stores)).toEqual(await contentOf(one.stores));
});

test.skipIf(redisMissing)(
  'a backup moves a store from SQLite to Redis and back, member for member',
  async () => {
    const redis = await startRedis(['--maxmemory-policy', 'noeviction']);
    const inRedis = await openRedisStore({
      settings: { ...redisSettings(redis), keyPrefix: 'backup:' },
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    try {
      const one = await start();
      const middle = await start({ through: () => inRedis });
      const last = await start();
      await fill(one.stores);
      const first = await one.call('GET', '/v1/backup');
      expect(await restore(middle, first.text)).toMatchObject({ status: 200, json: { apiKeys: 1201 } });
      expect(await contentOf(inRedis)).toEqual(await contentOf(one.stores));
      expect(await restore(middle, first.text)).toMatchObject({ status: 409 });
      const second = await middle.call('GET', '/v1/backup');
      expect(await restore(last, second.text)).toMatchObject({ status: 200 });
      expect(await contentOf(last.stores)).toEqual(await contentOf(one.stores));
    } finally {
      await inRedis.close();
      await redis.stop();
    }
  },
);
if (redisMissing !== undefined) console.warn(`skipped: a backup of Redis, ${redisMissing}`);

test('backup and restore are audited', async () => {
  const admin = await start();
  const { text } = await admin.call('GET', '/v1/backup');
  expect(await admin.audited('backup.read', 2)).toMatchObject([
    { decision: 'attempted', subject: 'admin:alice' },
    { decision: 'admitted' },
  ]);
  await restore(admin, text);
  expect(await admin.audited('backup.restore', 2)).toMatchObject([
    { decision: 'attempted' },
    { decision: 'changed', reason: '0 tenants, 0 clients, 0 keys, 0 revocations' },
  ]);
});

test.each<[string, (stores: Stores) => Promise<unknown>]>([
  ['a tenant', (stores) => stores.tenants.create(aTenant('globex'), NOW)],
  ['a suspension', (stores) => stores.tenants.setSuspension(tenantId('acme'), true, NOW)],
  ['a client', (stores) => stores.clients.create(aClient('erp'))],
  ['a key', (stores) => stores.apiKeys.create(anApiKey('key'))],
  ['a revocation', (stores) => stores.revocations.add(aTenantRevocation('acme'))],
])('a store with %s in it is not restored into', async (_name, put) => {
  const admin = await start();
  await put(admin.stores);
  const before = await contentOf(admin.stores);
  const refused = await restore(admin, backupOf({ kind: 'suspension', tenant: 'umbrella' }));
  expect(refused).toMatchObject({
    status: 409,
    json: { detail: 'The store is not empty: a backup is restored into an empty one only.' },
  });
  expect(await contentOf(admin.stores)).toEqual(before);
});

const suspension = { kind: 'suspension', tenant: 'acme' };
const good = backupOf(suspension, { kind: 'suspension', tenant: 'globex' });

test.each([
  ['nothing', '', 'cut off'],
  ['something else', 'SQLite format 3\n', 'no backup'],
  ['a backup of a later version', backupOfVersion(3, suspension), 'later version'],
  ['a changed byte', good.replace('globex', 'globey'), 'checksum'],
  ['a line less', good.replace(`${JSON.stringify(suspension)}\n`, ''), 'checksum'],
  ['no end', good.slice(0, good.indexOf('{"kind":"end"')), 'cut off'],
  ['half of its end', good.slice(0, -20), 'not complete'],
  ['something after its end', `${good}{}\n`, 'after its end'],
  ['an unknown record', backupOf({ kind: 'session' }), 'Line 2 of the backup is no record'],
  ['a key that is no digest', backupOf({ kind: 'apiKey', id: 'k', key: 's3cr3t' }), 'no record'],
  ['a client with a secret', backupOf({ kind: 'client', ...aClient('erp'), secret: 's3cr3t' }), 'no record'],
  [
    'a client of the configuration',
    backupOf({ kind: 'client', ...aClient('erp'), origin: 'configured' }),
    'no record',
  ],
  ['a tenant id that is none', backupOf({ kind: 'suspension', tenant: 's3cr3t/../x' }), 'no record'],
])('a backup with %s is refused before anything is written', async (_name, backup, detail) => {
  const admin = await start();
  const refused = await restore(admin, backup);
  expect(refused).toMatchObject({ status: 422, json: { detail: expect.stringContaining(detail) } });
  expect(refused.text).not.toContain('s3cr3t');
  expect(await admin.stores.tenants.listSuspensions()).toEqual([]);
});

test('a backup of the first version, which had no clients, is restored as ever', async () => {
  const admin = await start();
  const restored = await restore(
    admin,
    backupOfVersion(1, suspension, { kind: 'suspension', tenant: 'globex' }),
  );
  expect(restored).toMatchObject({ status: 200, json: { suspensions: 2, clients: 0 } });
  expect(await admin.stores.tenants.listSuspensions()).toEqual(['acme', 'globex']);
});

test('signing keys that this gateway could not open refuse the backup before anything is written', async () => {
  const admin = await start({ problemWithKeyring: () => 'it was sealed with the encryption key k1' });
  const refused = await restore(
    admin,
    backupOf(suspension, { kind: 'keyring', ...aKeyring('assertion:ES256') }),
  );
  expect(refused).toMatchObject({
    status: 409,
    json: { detail: 'The signing keys of the backup: it was sealed with the encryption key k1.' },
  });
  expect(await admin.stores.tenants.listSuspensions()).toEqual([]);
});

test('of two restores that both found the store empty, one is made, and nothing of the other', async () => {
  const barrier = createBarrier();
  const admin = await start({
    through: (stores) => ({
      ...stores,
      revocations: { ...stores.revocations, list: (now) => barrier.pass(stores.revocations.list(now)) },
    }),
  });
  barrier.arm(2);
  const answers = await Promise.all(
    ['acme', 'globex'].map((tenant) => restore(admin, backupOf({ kind: 'suspension', tenant }))),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(1);
  expect(await admin.stores.tenants.listSuspensions()).toHaveLength(1);
});

test('a restore that the store cuts off has written what refuses before what admits', async () => {
  const admin = await start({
    through: (stores) => ({
      ...stores,
      apiKeys: {
        ...stores.apiKeys,
        create: () => Promise.reject(new Error('the disk is full')),
      },
    }),
  });
  const filled = await start();
  await fill(filled.stores);
  const { text } = await filled.call('GET', '/v1/backup');
  expect((await restore(admin, text)).status).toBe(500);
  expect(await admin.stores.revocations.list(NOW)).toHaveLength(2);
  expect(await admin.stores.tenants.listSuspensions()).toHaveLength(1);
  expect(await admin.stores.apiKeys.list({ limit: 1 })).toEqual([]);
});

test('a backup that the store cuts off does not look complete', async () => {
  const admin = await start({
    through: (stores) => ({
      ...stores,
      revocations: { ...stores.revocations, list: () => Promise.reject(new Error('the disk is gone')) },
    }),
  });
  await admin.stores.apiKeys.create(anApiKey('key'));
  await expect(admin.call('GET', '/v1/backup')).rejects.toThrow();
  expect(await admin.audited('backup.read', 2)).toMatchObject([
    { decision: 'attempted' },
    { decision: 'failed' },
  ]);
});

test('a backup holds no key, and a restore of another media type is 415', async () => {
  const admin = await start({ configuredTenants: [aTenant('acme')] });
  const { json } = await admin.call('POST', '/v1/keys', { body: { tenant: 'acme', name: 'ERP' } });
  const { text } = await admin.call('GET', '/v1/backup');
  expect(text).not.toContain((json as { readonly key: string }).key);
  expect(await admin.call('POST', '/v1/restore', { body: text })).toMatchObject({ status: 415 });
});
