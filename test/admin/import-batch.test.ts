import { createSecretKey } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { pepperedDigest } from '../../src/api-keys/api-key-format.ts';
import { aTenant } from '../contract/fixtures.ts';
import { PEPPER, type RunningAdmin, startAdmin } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme'), aTenant('globex')] });
  return admin;
}

const LEGACY = 'a-legacy-key-of-an-old-client';
const erp = { tenant: 'acme', name: 'ERP', key: LEGACY };

test('each row of a batch is judged for itself, and what it says of a key is not its text', async () => {
  const { call, stores, audited } = await start();
  const keys = [
    { ...erp, id: 'erp-old', scopes: ['orders:read'] },
    { ...erp, key: 'another-key-of-an-old-client', id: 'erp-old' },
    { ...erp, tenant: 'nobody' },
    { ...erp, key: 'line\nend' },
    { ...erp, colour: 'red' },
    { tenant: 'globex', name: 'Shop', key: 'short' },
  ];
  const { status, json, text } = await call('POST', '/v1/keys/import-batch', { body: { keys } });
  expect(status).toBe(200);
  expect(json).toMatchObject({
    results: [
      { index: 0, outcome: 'imported', id: 'erp-old', warnings: [] },
      { index: 1, outcome: 'refused' },
      { index: 2, outcome: 'refused', reason: 'There is no tenant nobody.' },
      { index: 3, outcome: 'refused', reason: expect.stringContaining('printable ASCII') },
      { index: 4, outcome: 'refused', reason: expect.stringContaining('colour') },
      { index: 5, outcome: 'imported', warnings: [expect.stringContaining('5 characters')] },
    ],
  });
  for (const { key } of keys) expect(text).not.toContain(key);
  const digest = pepperedDigest(LEGACY, createSecretKey(Buffer.from(PEPPER)));
  expect(await stores.apiKeys.findByDigest(digest)).toMatchObject({ id: 'erp-old', scopes: ['orders:read'] });
  expect(await audited('keys.importBatch', 2)).toMatchObject([
    { decision: 'attempted', reason: '6 keys' },
    { decision: 'changed', reason: '2 imported' },
  ]);
  const changed = await audited('keys.import', 2);
  expect(new Set(changed.map(({ tenant }) => tenant))).toEqual(new Set(['acme', 'globex']));
});

test('a key that is there already is told apart from one that cannot be imported', async () => {
  const { call } = await start();
  await call('POST', '/v1/keys/import', { body: { ...erp, id: 'erp-old' } });
  const keys = [erp, { ...erp, id: 'erp-old' }, { ...erp, tenant: 'globex' }, { ...erp, id: 'erp-new' }];
  const body = { keys };
  const expected = {
    results: [
      { outcome: 'present', id: 'erp-old' },
      { outcome: 'present', id: 'erp-old' },
      { outcome: 'refused', reason: expect.stringContaining('belongs to the tenant acme') },
      { outcome: 'refused', reason: expect.stringContaining('with the id erp-old') },
    ],
  };
  expect(await call('POST', '/v1/keys/import-batch', { body })).toMatchObject({ json: expected });
  await call('POST', '/v1/keys/erp-old/revoke', { body: {} });
  expect(await call('POST', '/v1/keys/import-batch', { body: { keys: [erp] } })).toMatchObject({
    json: { results: [{ outcome: 'refused', reason: expect.stringContaining('revoked') }] },
  });
});

test('a dry run tells the same and changes nothing', async () => {
  const { call, stores } = await start();
  const body = { keys: [erp, { ...erp, tenant: 'nobody' }], isDryRun: true };
  const expected = { json: { results: [{ outcome: 'imported' }, { outcome: 'refused' }] } };
  expect(await call('POST', '/v1/keys/import-batch', { body })).toMatchObject(expected);
  expect(await stores.apiKeys.list({ limit: 10 })).toEqual([]);
  expect(await call('POST', '/v1/keys/import-batch', { body: { ...body, isDryRun: false } })).toMatchObject(
    expected,
  );
  expect(await stores.apiKeys.list({ limit: 10 })).toHaveLength(1);
});

test('a batch that is empty or too long is refused', async () => {
  const { call } = await start();
  for (const length of [0, 501])
    expect(
      await call('POST', '/v1/keys/import-batch', { body: { keys: Array.from({ length }, () => erp) } }),
    ).toMatchObject({ status: 422 });
});
