import { pino } from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import type { Tenant, TenantId } from '../../src/tenants/tenant.ts';
import { openTenantDirectory, type TenantDirectory } from '../../src/tenants/tenant-directory.ts';
import type { TenantStore } from '../../src/tenants/tenant-store.ts';
import { eventually } from '../support/authentication.ts';

const NOW = 1_800_000_000_000;
const id = (text: string) => text as TenantId;

function tenantOf(name: string, members: Partial<Tenant> = {}): Tenant {
  return { id: id(name), name, status: 'active', hosts: [`${name}.test`], issuers: [], ...members };
}

let stores: Stores;
let directory: TenantDirectory;
/** Reads of all tenants, the first one at the opening. */
let readsOfAll: number;

/** `configured` is the tenant `own` with the host `own.test`. */
beforeEach(async () => {
  stores = openEmbeddedStore({ path: ':memory:', clock: () => NOW });
  for (const name of ['acme', 'globex'])
    await stores.tenants.create(tenantOf(name, { issuers: ['login'] }), NOW);
  readsOfAll = 0;
  const store: TenantStore = {
    ...stores.tenants,
    list() {
      readsOfAll += 1;
      return stores.tenants.list();
    },
  };
  const own = { status: 'active', hosts: ['own.test'], issuers: [], credentials: {}, upstreams: {} } as const;
  directory = await openTenantDirectory({
    settings: {
      tenants: { [id('own')]: { ...own, hosts: [...own.hosts], issuers: [] } },
      tenantHosts: [],
      routes: [],
    },
    store,
    changes: stores.changes,
    log: pino({ level: 'silent' }),
  });
});

afterEach(async () => {
  directory.close();
  await stores.close();
});

const current = () => eventually(() => directory.isCurrent(), 'the directory to be current');

it('takes over a new tenant, a changed one and one that is gone, without reading the others', async () => {
  await stores.tenants.create(tenantOf('initech'), NOW);
  await current();
  expect(directory.recogniseHost('initech.test')).toEqual({ kind: 'tenant', id: 'initech' });
  await stores.tenants.update(
    id('acme'),
    { hosts: ['www.acme.test'], issuers: [], status: 'suspended' },
    NOW,
  );
  await current();
  expect(directory.find(id('acme'))).toMatchObject({ status: 'suspended', hosts: ['www.acme.test'] });
  expect(directory.recogniseHost('www.acme.test')).toEqual({ kind: 'tenant', id: 'acme' });
  expect(directory.recogniseHost('acme.test')).toEqual({ kind: 'none' });
  expect([...directory.tenantsOfIssuer('login')]).toEqual(['globex']);
  await stores.tenants.delete(id('globex'));
  await current();
  expect(directory.find(id('globex'))).toBeUndefined();
  expect(directory.recogniseHost('globex.test')).toEqual({ kind: 'none' });
  expect([...directory.tenantsOfIssuer('login')]).toEqual([]);
  expect(readsOfAll).toBe(1);
});

it('suspends and resumes a tenant of the configuration, which keeps its hosts', async () => {
  await stores.tenants.setSuspension(id('own'), true, NOW);
  await current();
  expect(directory.find(id('own'))).toMatchObject({ status: 'suspended', origin: 'configured' });
  await stores.tenants.setSuspension(id('own'), false, NOW);
  await current();
  expect(directory.find(id('own'))).toMatchObject({ status: 'active' });
  expect(directory.recogniseHost('own.test')).toEqual({ kind: 'tenant', id: 'own' });
  expect(readsOfAll).toBe(1);
});

it('leaves out a tenant with a host of the configuration, and lets it in when it gives the host up', async () => {
  await stores.tenants.create(tenantOf('umbrella', { hosts: ['own.test'] }), NOW);
  await current();
  expect(directory.find(id('umbrella'))).toBeUndefined();
  expect(directory.recogniseHost('own.test')).toEqual({ kind: 'tenant', id: 'own' });
  await stores.tenants.update(id('umbrella'), { hosts: ['umbrella.test'] }, NOW);
  await current();
  expect(directory.recogniseHost('umbrella.test')).toEqual({ kind: 'tenant', id: 'umbrella' });
});

it('never lets a stored tenant take the place of a configured one of its id', async () => {
  await stores.tenants.create(tenantOf('own', { hosts: ['stolen.test'] }), NOW);
  await current();
  expect(directory.find(id('own'))).toMatchObject({ origin: 'configured' });
  expect(directory.recogniseHost('stolen.test')).toEqual({ kind: 'none' });
});

it('has every one of many changes that come at once', async () => {
  const names = Array.from({ length: 250 }, (_, index) => `new-${index}`);
  await Promise.all(names.map((name) => stores.tenants.create(tenantOf(name), NOW)));
  await current();
  expect(names.filter((name) => directory.find(id(name)) === undefined)).toEqual([]);
});
