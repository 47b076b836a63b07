import { describe, expect, it } from 'vitest';
import { anApiKey, apiKeyId, aTenant, NOW, tenantId } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

const acme = tenantId('acme');

export function tenantStoreContract(adapter: StoreAdapter): void {
  describe(`tenants in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it('a created tenant is found as it was given, at revision 1', async () => {
      const tenant = aTenant('acme', {
        name: 'Ümläut & Söhne ✓',
        status: 'suspended',
        hosts: ['z.example.com', 'a.example.com'],
        issuers: ['idp-2', 'idp-1'],
        requestLimit: { count: 600, windowMilliseconds: 60_000 },
      });
      const stored = { ...tenant, createdAt: NOW, updatedAt: NOW, revision: 1 };
      expect(await stores().tenants.create(tenant, NOW)).toEqual({ kind: 'created', tenant: stored });
      expect(await stores().tenants.find(acme)).toEqual(stored);
    });

    it('a limit stays through other changes, until it is changed or taken away', async () => {
      const { tenants } = stores();
      const limit = { count: 5, windowMilliseconds: 1000 };
      await tenants.create(aTenant('acme'), NOW);
      expect(await tenants.find(acme)).not.toHaveProperty('requestLimit');
      await tenants.update(acme, { requestLimit: limit }, NOW);
      await tenants.update(acme, { name: 'other' }, NOW);
      expect(await tenants.find(acme)).toMatchObject({ name: 'other', requestLimit: limit });
      await tenants.update(acme, { requestLimit: null }, NOW);
      expect(await tenants.find(acme)).not.toHaveProperty('requestLimit');
    });

    it('an unknown tenant is undefined, not an error', async () => {
      expect(await stores().tenants.find(tenantId('nobody'))).toBeUndefined();
      expect(await stores().tenants.update(tenantId('nobody'), { name: 'x' }, NOW)).toEqual({
        kind: 'absent',
      });
      expect(await stores().tenants.delete(tenantId('nobody'))).toBe(false);
    });

    it('a deletion that names a revision leaves a tenant of another one alone', async () => {
      await stores().tenants.create(aTenant('acme'), NOW);
      await stores().tenants.update(acme, { name: 'second' }, NOW);
      await stores().apiKeys.create(anApiKey('key'));
      expect(await stores().tenants.delete(acme, 1)).toBe(false);
      expect(await stores().tenants.find(acme)).toMatchObject({ revision: 2 });
      expect(await stores().apiKeys.list({ limit: 10 })).toHaveLength(1);
      expect(await stores().tenants.delete(acme, 2)).toBe(true);
      expect(await stores().tenants.delete(acme, 2)).toBe(false);
    });

    it('an id is given once', async () => {
      await stores().tenants.create(aTenant('acme', { name: 'first' }), NOW);
      expect(await stores().tenants.create(aTenant('acme', { name: 'second' }), NOW)).toEqual({
        kind: 'clash',
        with: acme,
      });
      expect(await stores().tenants.find(acme)).toMatchObject({ name: 'first', revision: 1 });
    });

    it('a host belongs to one tenant, and the clash names it', async () => {
      await stores().tenants.create(aTenant('acme', { hosts: ['acme.example.com'] }), NOW);
      const globex = aTenant('globex', { hosts: ['globex.example.com', 'acme.example.com'] });
      expect(await stores().tenants.create(globex, NOW)).toEqual({ kind: 'clash', with: acme });
      expect(await stores().tenants.find(globex.id)).toBeUndefined();

      await stores().tenants.create(aTenant('globex', { hosts: ['globex.example.com'] }), NOW);
      expect(await stores().tenants.update(globex.id, { hosts: globex.hosts }, NOW)).toEqual({
        kind: 'clash',
        with: acme,
      });
      expect((await stores().tenants.find(globex.id))?.hosts).toEqual(['globex.example.com']);
    });

    it('of 50 tenants that claim one host at once, exactly one gets it', async () => {
      const outcomes = await race(50, (index) =>
        stores().tenants.create(aTenant(`t${index}`, { hosts: ['shared.example.com'] }), NOW),
      );
      expect(outcomes.filter((outcome) => outcome.kind === 'created')).toHaveLength(1);
      expect(await stores().tenants.list()).toHaveLength(1);
    });

    it('a host given up may be taken by another tenant', async () => {
      await stores().tenants.create(aTenant('acme', { hosts: ['one.example.com', 'two.example.com'] }), NOW);
      await stores().tenants.update(acme, { hosts: ['two.example.com'] }, NOW);
      const taken = await stores().tenants.create(aTenant('globex', { hosts: ['one.example.com'] }), NOW);
      expect(taken.kind).toBe('created');
      await stores().tenants.delete(acme);
      const both = await stores().tenants.update(
        tenantId('globex'),
        { hosts: ['one.example.com', 'two.example.com'] },
        NOW,
      );
      expect(both).toMatchObject({
        kind: 'updated',
        tenant: { hosts: ['one.example.com', 'two.example.com'] },
      });
    });

    it('a host listed twice is kept once, and a tenant may list its own hosts again', async () => {
      await stores().tenants.create(
        aTenant('acme', { hosts: ['a.example.com', 'b.example.com', 'a.example.com'] }),
        NOW,
      );
      expect((await stores().tenants.find(acme))?.hosts).toEqual(['a.example.com', 'b.example.com']);
      const updated = await stores().tenants.update(
        acme,
        { hosts: ['b.example.com', 'b.example.com', 'a.example.com'] },
        NOW,
      );
      expect(updated).toMatchObject({
        kind: 'updated',
        tenant: { hosts: ['b.example.com', 'a.example.com'] },
      });
    });

    it('an update changes what it names, nothing else, and grows the revision by one', async () => {
      await stores().tenants.create(aTenant('acme', { hosts: ['acme.example.com'], issuers: ['idp'] }), NOW);
      const expected = {
        ...aTenant('acme', { hosts: ['acme.example.com'], issuers: ['idp'] }),
        createdAt: NOW,
      };

      const suspended = await stores().tenants.update(acme, { status: 'suspended' }, NOW + 5);
      expect(suspended).toEqual({
        kind: 'updated',
        tenant: { ...expected, status: 'suspended', updatedAt: NOW + 5, revision: 2 },
      });
      const renamed = await stores().tenants.update(acme, { name: 'New', issuers: [] }, NOW + 9, 2);
      const final = {
        ...expected,
        name: 'New',
        status: 'suspended',
        issuers: [],
        updatedAt: NOW + 9,
        revision: 3,
      };
      expect(renamed).toEqual({ kind: 'updated', tenant: final });
      expect(await stores().tenants.find(acme)).toEqual(final);
    });

    it('an update based on an older revision is stale and changes nothing', async () => {
      await stores().tenants.create(aTenant('acme'), NOW);
      await stores().tenants.update(acme, { name: 'second' }, NOW);
      expect(await stores().tenants.update(acme, { name: 'third' }, NOW, 1)).toEqual({
        kind: 'stale',
        revision: 2,
      });
      expect(await stores().tenants.find(acme)).toMatchObject({ name: 'second', revision: 2 });
    });

    it('of 50 updates of one revision at once, exactly one wins', async () => {
      await stores().tenants.create(aTenant('acme'), NOW);
      const outcomes = await race(50, (index) =>
        stores().tenants.update(acme, { name: `n${index}` }, NOW, 1),
      );
      const winners = outcomes.filter((outcome) => outcome.kind === 'updated');
      expect(winners).toHaveLength(1);
      expect(await stores().tenants.find(acme)).toEqual(winners[0]?.tenant);
    });

    it('50 updates at once without a revision are all applied', async () => {
      await stores().tenants.create(aTenant('acme'), NOW);
      await race(50, (index) => stores().tenants.update(acme, { name: `n${index}` }, NOW));
      expect((await stores().tenants.find(acme))?.revision).toBe(51);
    });

    it('the list is sorted by id', async () => {
      for (const id of ['b', 'a-2', 'a', '9', 'a1']) await stores().tenants.create(aTenant(id), NOW);
      expect((await stores().tenants.list()).map((tenant) => tenant.id)).toEqual([
        '9',
        'a',
        'a-2',
        'a1',
        'b',
      ]);
    });

    it('a deleted tenant takes its API keys with it, and no others', async () => {
      await stores().tenants.create(aTenant('acme', { hosts: ['acme.example.com'] }), NOW);
      await stores().apiKeys.create(anApiKey('mine-1'));
      await stores().apiKeys.create(anApiKey('mine-2'));
      await stores().apiKeys.create(anApiKey('other', { tenant: tenantId('globex') }));
      const changes = recordChanges(stores());

      expect(await stores().tenants.delete(acme)).toBe(true);
      expect(await stores().tenants.find(acme)).toBeUndefined();
      expect((await stores().apiKeys.list({ limit: 10 })).map((key) => key.id)).toEqual(['other']);
      expect(changes).toHaveLength(3);
      expect(changes).toEqual(
        expect.arrayContaining([
          { kind: 'tenantChanged', id: acme },
          { kind: 'apiKeyChanged', id: apiKeyId('mine-1') },
          { kind: 'apiKeyChanged', id: apiKeyId('mine-2') },
        ]),
      );
    });

    it('a suspension of a configured tenant is kept apart from the stored tenants, until it is resumed', async () => {
      const changes = recordChanges(stores());
      const globex = tenantId('globex');
      expect(await stores().tenants.listSuspensions()).toEqual([]);
      expect(await stores().tenants.setSuspension(globex, true, NOW)).toBe(true);
      expect(await stores().tenants.setSuspension(acme, true, NOW)).toBe(true);
      expect(await stores().tenants.setSuspension(acme, true, NOW + 1)).toBe(false);
      expect(await stores().tenants.listSuspensions()).toEqual([acme, globex]);
      expect(await stores().tenants.list()).toEqual([]);
      expect(await stores().tenants.setSuspension(acme, false, NOW)).toBe(true);
      expect(await stores().tenants.setSuspension(acme, false, NOW)).toBe(false);
      expect(await stores().tenants.listSuspensions()).toEqual([globex]);
      expect(changes).toEqual([globex, acme, acme].map((id) => ({ kind: 'tenantChanged', id })));
    });

    it('a suspension stands beside the stored tenants, is announced when it changes something', async () => {
      const { tenants } = stores();
      const changes = recordChanges(stores());
      expect(await tenants.listSuspensions()).toEqual([]);
      expect(await tenants.setSuspension(tenantId('globex'), true, NOW)).toBe(true);
      expect(await tenants.setSuspension(acme, true, NOW)).toBe(true);
      expect(await tenants.setSuspension(acme, true, NOW + 1)).toBe(false);
      expect(await tenants.listSuspensions()).toEqual(['acme', 'globex']);
      expect(await tenants.find(acme)).toBeUndefined();
      expect(await tenants.setSuspension(acme, false, NOW)).toBe(true);
      expect(await tenants.setSuspension(acme, false, NOW)).toBe(false);
      expect(await tenants.listSuspensions()).toEqual(['globex']);
      expect(changes).toEqual(['globex', 'acme', 'acme'].map((id) => ({ kind: 'tenantChanged', id })));
    });

    it('each change is announced, and what changed nothing is not', async () => {
      const changes = recordChanges(stores());
      await stores().tenants.create(aTenant('acme'), NOW);
      await stores().tenants.create(aTenant('acme'), NOW);
      await stores().tenants.update(acme, { status: 'suspended' }, NOW);
      await stores().tenants.update(acme, { status: 'active' }, NOW, 1);
      await stores().tenants.update(tenantId('nobody'), { status: 'active' }, NOW);
      await stores().tenants.delete(acme);
      await stores().tenants.delete(acme);
      expect(changes).toEqual(Array.from({ length: 3 }, () => ({ kind: 'tenantChanged', id: acme })));
    });
  });
}
