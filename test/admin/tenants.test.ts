import { afterEach, expect, test } from 'vitest';
import { anApiKey, aTenant, NOW, tenantId } from '../contract/fixtures.ts';
import { type RunningAdmin, startAdmin } from './running-admin.ts';

let admin: RunningAdmin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function start(options: Parameters<typeof startAdmin>[0] = {}): Promise<RunningAdmin> {
  admin = await startAdmin(options);
  return admin;
}

const acme = aTenant('acme', { hosts: ['acme.example.com'] });

test('a tenant is created with normalised hosts, shown, changed and deleted', async () => {
  const { call } = await start();
  const body = { id: 'globex', hosts: ['Globex.Example.COM.'], issuers: ['acme-login'] };
  expect(await call('POST', '/v1/tenants', { body })).toMatchObject({
    status: 201,
    json: {
      id: 'globex',
      name: 'globex',
      status: 'active',
      hosts: ['globex.example.com'],
      origin: 'stored',
      isInEffect: true,
      revision: 1,
    },
  });
  const change = { name: 'Globex', hosts: ['a.example.com', 'b.example.com'] };
  expect(await call('PATCH', '/v1/tenants/globex', { body: change })).toMatchObject({
    status: 200,
    json: { name: 'Globex', hosts: ['a.example.com', 'b.example.com'], issuers: ['acme-login'], revision: 2 },
  });
  expect(await call('DELETE', '/v1/tenants/globex')).toMatchObject({ status: 204, text: '' });
  expect(await call('GET', '/v1/tenants/globex')).toMatchObject({ status: 404 });
  expect(await call('DELETE', '/v1/tenants/globex')).toMatchObject({ status: 404 });
});

test('deleting a tenant takes its keys with it', async () => {
  const { call, stores } = await start();
  await call('POST', '/v1/tenants', { body: { id: 'globex' } });
  await call('POST', '/v1/keys', { body: { tenant: 'globex', name: 'ERP' } });
  expect(await stores.apiKeys.list({ limit: 10 })).toHaveLength(1);
  await call('DELETE', '/v1/tenants/globex');
  expect(await stores.apiKeys.list({ limit: 10 })).toEqual([]);
});

test.each([
  ['a host of the configuration', { hosts: ['ACME.example.com'] }, 409, 'belongs to the tenant acme'],
  [
    'a host of another stored tenant',
    { hosts: ['initech.example.com'] },
    409,
    'belongs to the tenant initech',
  ],
  ['a host with a port', { hosts: ['globex.example.com:8080'] }, 422, 'not a host name'],
  ['an unknown issuer', { issuers: ['evil-login'] }, 422, 'no issuer'],
])('%s is refused on creation and on change', async (_name, change, status, detail) => {
  const { call } = await start({ configuredTenants: [acme] });
  await call('POST', '/v1/tenants', { body: { id: 'initech', hosts: ['initech.example.com'] } });
  const refused = { status, json: { detail: expect.stringContaining(detail) } };
  expect(await call('POST', '/v1/tenants', { body: { id: 'globex', ...change } })).toMatchObject(refused);
  await call('POST', '/v1/tenants', { body: { id: 'globex' } });
  expect(await call('PATCH', '/v1/tenants/globex', { body: change })).toMatchObject(refused);
  expect(await call('GET', '/v1/tenants/globex')).toMatchObject({
    json: { hosts: [], issuers: [], revision: 1 },
  });
});

test('an id is given once over configuration and store', async () => {
  const { call } = await start({ configuredTenants: [acme] });
  expect(await call('POST', '/v1/tenants', { body: { id: 'acme' } })).toMatchObject({ status: 409 });
  await call('POST', '/v1/tenants', { body: { id: 'globex' } });
  expect(await call('POST', '/v1/tenants', { body: { id: 'globex' } })).toMatchObject({ status: 409 });
  expect(await call('POST', '/v1/tenants', { body: { id: 'Globex' } })).toMatchObject({ status: 422 });
});

test('every tenant can be suspended and resumed, wherever it is described', async () => {
  const { call, stores } = await start({ configuredTenants: [acme] });
  await call('POST', '/v1/tenants', { body: { id: 'globex' } });
  for (const id of ['acme', 'globex']) {
    for (const [verb, status] of [
      ['suspend', 'suspended'],
      ['suspend', 'suspended'],
      ['resume', 'active'],
    ]) {
      const changed = await call('POST', `/v1/tenants/${id}/${verb}`);
      expect(changed).toMatchObject({ status: 200, json: { id, status } });
      expect(await call('GET', `/v1/tenants/${id}`)).toMatchObject({ json: { status } });
      if (id === 'acme')
        expect(await stores.tenants.listSuspensions()).toEqual(status === 'active' ? [] : ['acme']);
    }
  }
  expect(await stores.tenants.list()).toMatchObject([{ id: 'globex' }]);
});

test('a tenant of the configuration is changed there, and its suspension there holds', async () => {
  const { call } = await start({ configuredTenants: [{ ...acme, status: 'suspended' }] });
  for (const [method, target, body] of [
    ['PATCH', '/v1/tenants/acme', { name: 'x' }],
    ['DELETE', '/v1/tenants/acme', undefined],
    ['POST', '/v1/tenants/acme/resume', {}],
  ] as const) {
    expect(await call(method, target, { body })).toMatchObject({
      status: 409,
      json: { detail: expect.stringContaining('in the configuration file') },
    });
  }
  expect(await call('GET', '/v1/tenants/acme')).toMatchObject({
    json: { name: 'Tenant acme', status: 'suspended' },
  });
});

test('a stored tenant that clashes with the configuration is listed as not in effect', async () => {
  const { call, stores } = await start({ configuredTenants: [acme] });
  await stores.tenants.create(aTenant('globex', { hosts: ['acme.example.com'] }), NOW);
  expect(await call('GET', '/v1/tenants')).toMatchObject({
    json: {
      tenants: [
        { id: 'acme', isInEffect: true },
        { id: 'globex', isInEffect: false },
      ],
    },
  });
});

test('resuming a stored tenant also ends a suspension from when the configuration described it', async () => {
  const { call, stores } = await start();
  await stores.tenants.setSuspension(tenantId('globex'), true, NOW);
  await call('POST', '/v1/tenants', { body: { id: 'globex' } });
  expect(await call('GET', '/v1/tenants/globex')).toMatchObject({ json: { status: 'suspended' } });
  expect(await call('POST', '/v1/tenants/globex/resume')).toMatchObject({ json: { status: 'active' } });
  expect(await call('GET', '/v1/tenants/globex')).toMatchObject({ json: { status: 'active' } });
});

test('keys may belong to tenants of the configuration and of the store', async () => {
  const { call, stores } = await start({ configuredTenants: [acme] });
  expect(await call('POST', '/v1/keys', { body: { tenant: 'acme', name: 'ERP' } })).toMatchObject({
    status: 201,
  });
  await stores.apiKeys.create(anApiKey('mine', { tenant: tenantId('globex') }));
  expect(await call('GET', '/v1/keys?tenant=globex')).toMatchObject({ json: { keys: [{ id: 'mine' }] } });
});
