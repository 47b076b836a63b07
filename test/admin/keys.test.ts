import { createSecretKey } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { generateApiKey, pepperedDigest, sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { anApiKey, apiKeyId, aTenant } from '../contract/fixtures.ts';
import { PEPPER, type RunningAdmin, startAdmin, textOf } from './running-admin.ts';

const DAY = 86_400_000;
let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(options: Parameters<typeof startAdmin>[0] = {}): Promise<RunningAdmin> {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')], ...options });
  return admin;
}

const erp = { tenant: 'acme', name: 'ERP' };

test('a created key is shown once, and the store has its digest alone', async () => {
  const { call, stores } = await start();
  const body = {
    ...erp,
    owner: 'Ms Ops',
    scopes: ['orders:read'],
    roles: ['clerk'],
    expiresAt: '2999-01-01',
  };
  const created = await call('POST', '/v1/keys', { body });
  expect(created.status).toBe(201);
  expect(created.headers.get('cache-control')).toBe('no-store');
  const key = textOf(created.json, 'key');
  const id = textOf(created.json, 'id');
  expect(key).toMatch(new RegExp(`^ghk_${id}_[0-9A-Za-z]{38}$`));
  expect(created.json).toMatchObject({
    ...body,
    expiresAt: '2999-01-01T00:00:00.000Z',
    origin: 'issued',
    state: 'active',
  });

  const stored = await stores.apiKeys.findByDigest(sha256Digest(key));
  expect(stored).toMatchObject({ id, tenant: 'acme', scopes: ['orders:read'], roles: ['clerk'] });
  const shown = await call('GET', `/v1/keys/${id}`);
  expect(shown.status).toBe(200);
  for (const answer of [shown, await call('GET', '/v1/keys')]) {
    expect(answer.text).toContain(id);
    expect(answer.text).not.toContain(key);
    expect(answer.text).not.toContain(stored?.digest.hex);
  }
});

test('a key needs a tenant that exists and an expiry that is to come', async () => {
  const { call, stores } = await start();
  const unknown = await call('POST', '/v1/keys', { body: { ...erp, tenant: 'acne' } });
  expect(unknown).toMatchObject({ status: 422, json: { detail: 'There is no tenant acne.' } });
  const past = await call('POST', '/v1/keys', { body: { ...erp, expiresAt: '2001-01-01' } });
  expect(past).toMatchObject({ status: 422, json: { detail: 'The expiry is in the past.' } });
  expect(await stores.apiKeys.list({ limit: 10 })).toEqual([]);
});

test('an unknown or wrong member is named by its path and never by its value', async () => {
  const { call } = await start();
  const answer = await call('POST', '/v1/keys', {
    body: { ...erp, scopes: ['a b-secret'], colour: 'red-secret', expiresAt: 'tomorrow-secret' },
  });
  expect(answer.status).toBe(422);
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  for (const path of ['body.scopes.0', 'body.expiresAt', 'colour']) expect(answer.text).toContain(path);
  expect(answer.text).not.toContain('-secret');
});

test('an imported legacy key is kept under the pepper and is found by it', async () => {
  const { call, stores } = await start();
  const key = 'Legacy/Key+with odd=shape#1';
  const imported = await call('POST', '/v1/keys/import', { body: { ...erp, key, id: 'erp-old' } });
  expect(imported).toMatchObject({ status: 201, json: { id: 'erp-old', origin: 'imported', warnings: [] } });
  expect(imported.text).not.toContain(key);
  const digest = pepperedDigest(key, createSecretKey(Buffer.from(PEPPER)));
  expect(await stores.apiKeys.findByDigest(digest)).toMatchObject({ id: 'erp-old' });

  const again = await call('POST', '/v1/keys/import', { body: { ...erp, key } });
  expect(again.status).toBe(409);
  expect(again.text).not.toContain(key);
});

test.each([
  ['short', 'abc', /3 characters/],
  ['of one character', '1111111111111111111111', /easy to guess/],
])('a weak key (%s) is accepted with a warning', async (_name, key, warning) => {
  const { call } = await start();
  const { status, json } = await call('POST', '/v1/keys/import', { body: { ...erp, key } });
  expect(status).toBe(201);
  expect(json).toMatchObject({ warnings: [expect.stringMatching(warning)] });
});

test.each([
  ['is empty', ''],
  ['ends with a line', 'abcdefgh\n'],
  ['has a byte outside of ASCII', 'schlüssel-aus-alter-zeit'],
  ['is an issued key with a typo', generateApiKey().key.replace(/.$/, '-')],
])('a key that %s is refused, since it could never be presented', async (_name, key) => {
  const { call } = await start();
  expect(await call('POST', '/v1/keys/import', { body: { ...erp, key } })).toMatchObject({ status: 422 });
});

test('without a pepper nothing is imported, but for keys of a Gatehouse, which keep their id', async () => {
  const { call, stores } = await start({ pepper: '' });
  const refused = await call('POST', '/v1/keys/import', {
    body: { ...erp, key: 'a-legacy-key-of-any-shape' },
  });
  expect(refused).toMatchObject({ status: 409, json: { detail: expect.stringContaining('apiKeys.pepper') } });
  const { id, key } = generateApiKey();
  expect(await call('POST', '/v1/keys/import', { body: { ...erp, key, id: 'mine' } })).toMatchObject({
    status: 422,
  });
  expect(await call('POST', '/v1/keys/import', { body: { ...erp, key } })).toMatchObject({
    status: 201,
    json: { id },
  });
  expect(await stores.apiKeys.findByDigest(sha256Digest(key))).toMatchObject({ id });
});

test('a rotation leaves the old key valid for the overlap and gives its successor the same rights', async () => {
  const { call, stores, travel, now } = await start();
  const body = { ...erp, scopes: ['orders:read'], roles: ['clerk'], owner: 'Ms Ops' };
  const old = await call('POST', '/v1/keys', { body });
  const id = textOf(old.json, 'id');
  const rotated = await call('POST', `/v1/keys/${id}/rotate`, { body: { overlap: '7d' } });
  expect(rotated).toMatchObject({
    status: 201,
    json: { ...body, state: 'active', replaced: { id, state: 'replaced' } },
  });
  const key = textOf(rotated.json, 'key');
  const successor = textOf(rotated.json, 'id');
  expect(await stores.apiKeys.findByDigest(sha256Digest(key))).toMatchObject({ id: successor });
  const left = ((await stores.apiKeys.findById(apiKeyId(id)))?.expiresAt ?? 0) - now();
  expect(left).toBeGreaterThan(7 * DAY - 60_000);
  expect(left).toBeLessThanOrEqual(7 * DAY);

  const second = await call('POST', `/v1/keys/${id}/rotate`, { body: { overlap: '7d' } });
  expect(second).toMatchObject({ status: 409, json: { detail: expect.stringContaining(successor) } });
  travel(7 * DAY);
  expect(await call('GET', `/v1/keys/${id}`)).toMatchObject({
    json: { state: 'expired', replacedBy: successor },
  });
});

test('an overlap never lengthens the life of a key, and the successor lives as long as its predecessor was meant to', async () => {
  const { call, stores, travel, now } = await start();
  const expiresAt = new Date(now() + 30 * DAY).toISOString();
  const id = textOf((await call('POST', '/v1/keys', { body: { ...erp, expiresAt } })).json, 'id');
  travel(29 * DAY);
  const rotated = await call('POST', `/v1/keys/${id}/rotate`, { body: { overlap: '7d' } });
  expect(rotated).toMatchObject({ json: { replaced: { expiresAt } } });
  const life = Date.parse(textOf(rotated.json, 'expiresAt')) - now();
  expect(Math.abs(life - 30 * DAY)).toBeLessThan(60_000);
  expect((await stores.apiKeys.findById(apiKeyId(id)))?.expiresAt).toBe(Date.parse(expiresAt));
});

test('of ten rotations of one key at once, one leaves a successor', async () => {
  const { call, stores } = await start();
  const id = textOf((await call('POST', '/v1/keys', { body: erp })).json, 'id');
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => call('POST', `/v1/keys/${id}/rotate`, { body: { overlap: '1h' } })),
  );
  expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
  expect(await stores.apiKeys.list({ limit: 10 })).toHaveLength(2);
});

test('a revocation marks the key and reaches the revocation list; it can be repeated', async () => {
  const { call, stores, now } = await start();
  const id = textOf((await call('POST', '/v1/keys', { body: erp })).json, 'id');
  const revoked = await call('POST', `/v1/keys/${id}/revoke`, { body: { reason: 'leaked' } });
  expect(revoked).toMatchObject({ status: 200, json: { id, state: 'revoked' } });
  expect((await stores.apiKeys.findById(apiKeyId(id)))?.revokedAt).toBeTypeOf('number');
  expect(await stores.revocations.list(now())).toMatchObject([
    { target: { kind: 'key', id }, revokedBy: 'admin:alice', reason: 'leaked' },
  ]);
  // Without a body.
  expect(await call('POST', `/v1/keys/${id}/revoke`)).toMatchObject({
    status: 200,
    json: { state: 'revoked' },
  });
  expect(await call('POST', `/v1/keys/${id}/rotate`, { body: { overlap: '1h' } })).toMatchObject({
    status: 409,
  });
});

test('keys that only an entry revokes are shown so and not rotated, without reading every revocation', async () => {
  const { call, stores } = await start({
    configuredKeys: [anApiKey('from-file', { origin: 'configured' })],
    through: (opened) => ({
      ...opened,
      revocations: { ...opened.revocations, list: () => Promise.reject(new Error('all were read')) },
    }),
  });
  for (const id of ['A', 'B']) await stores.apiKeys.create(anApiKey(id));
  for (const id of ['A', 'from-file', 'NOBODY00']) {
    const target = { kind: 'key', id: apiKeyId(id) } as const;
    await stores.revocations.add({ target, revokedAt: Date.now(), revokedBy: 'admin:alice' });
  }
  expect(await call('GET', '/v1/keys')).toMatchObject({
    json: {
      keys: [
        { id: 'A', state: 'revoked' },
        { id: 'B', state: 'active' },
        { id: 'from-file', state: 'revoked' },
      ],
    },
  });
  expect(await call('GET', '/v1/keys/A')).toMatchObject({ json: { state: 'revoked' } });
  expect(await call('POST', '/v1/keys/A/rotate', { body: { overlap: '1h' } })).toMatchObject({
    status: 409,
    json: { detail: 'The key A is revoked: create a new one.' },
  });
  expect(await call('POST', '/v1/keys/B/rotate', { body: { overlap: '1h' } })).toMatchObject({ status: 201 });
});

test('a key of the configuration is listed and can be revoked at once, but not rotated', async () => {
  const { call, stores, now } = await start({
    configuredKeys: [anApiKey('from-file', { origin: 'configured' })],
  });
  expect(await call('GET', '/v1/keys')).toMatchObject({
    json: { keys: [{ id: 'from-file', origin: 'configured', state: 'active' }] },
  });
  const rotated = await call('POST', '/v1/keys/from-file/rotate', { body: { overlap: '7d' } });
  expect(rotated).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining('configuration file') },
  });
  expect(await call('POST', '/v1/keys/from-file/revoke')).toMatchObject({ status: 200 });
  expect(await stores.revocations.list(now())).toMatchObject([{ target: { kind: 'key', id: 'from-file' } }]);
  expect(await call('GET', '/v1/keys/from-file')).toMatchObject({ json: { state: 'revoked' } });
  const taken = await call('POST', '/v1/keys/import', {
    body: { ...erp, id: 'from-file', key: 'some-other-legacy-key' },
  });
  expect(taken.status).toBe(409);
});

test('pages of keys follow each other without a gap or a double, over store and configuration', async () => {
  const { call, stores } = await start({
    configuredTenants: [aTenant('acme'), aTenant('globex')],
    configuredKeys: ['a', 'm', 'z'].map((id) => anApiKey(id, { origin: 'configured' })),
  });
  for (const id of ['b', 'c', 'n', 'o']) await stores.apiKeys.create(anApiKey(id));
  await stores.apiKeys.create(anApiKey('other', { tenant: aTenant('globex').id }));
  const seen: string[] = [];
  let after = '';
  do {
    const { json } = await call('GET', `/v1/keys?tenant=acme&limit=2${after}`);
    const { keys, next } = json as {
      readonly keys: readonly { readonly id: string }[];
      readonly next?: string;
    };
    expect(keys.length).toBeLessThanOrEqual(2);
    seen.push(...keys.map(({ id }) => id));
    after = next === undefined ? '' : `&after=${next}`;
  } while (after !== '');
  expect(seen).toEqual(['a', 'b', 'c', 'm', 'n', 'o', 'z']);
});

test('an unknown key is 404 everywhere', async () => {
  const { call } = await start();
  for (const [method, target, body] of [
    ['GET', '/v1/keys/NOBODY00', undefined],
    ['POST', '/v1/keys/NOBODY00/rotate', { overlap: '1h' }],
    ['POST', '/v1/keys/NOBODY00/revoke', {}],
  ] as const) {
    expect(await call(method, target, { body })).toMatchObject({
      status: 404,
      json: { detail: 'There is no key NOBODY00.' },
    });
  }
});
