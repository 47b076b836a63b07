import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/clients/client.ts';
import { aClient, clientId, MINUTE, NOW, tenantId } from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

const web = clientId('web');

export function clientStoreContract(adapter: StoreAdapter): void {
  describe(`clients in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it.each<[string, Client]>([
      ['the least members', aClient('least', { isPublic: true, secrets: [], grants: [], scopes: [] })],
      [
        'every member',
        aClient('Most.of_all-0', {
          name: 'Zoë’s "client" \ud800',
          secrets: [{ hex: 'ab'.repeat(32) }, { hex: 'cd'.repeat(32), expiresAt: NOW + 0.5 }],
          grants: ['password', 'refresh_token', 'client_credentials'],
          scopes: ['b', 'a'],
          tenants: [tenantId('globex'), tenantId('acme')],
          login: 'shop',
          browserSession: true,
          origins: ['https://app.example.com', 'capacitor://localhost'],
          accessTokenFormat: 'jwt',
          createdAt: NOW + 0.25,
        }),
      ],
      ['any tenant', aClient('any', { tenants: 'any' })],
    ])('a client with %s is found as it was given', async (_, client) => {
      expect(await stores().clients.create(client)).toBe('created');
      expect(await stores().clients.find(client.id)).toStrictEqual(client);
      expect(await stores().clients.list()).toStrictEqual([client]);
    });

    it('an unknown client is undefined, not an error, and cannot be replaced or removed', async () => {
      expect(await stores().clients.find(web)).toBeUndefined();
      expect(await stores().clients.list()).toEqual([]);
      expect(await stores().clients.replace(aClient('web', { revision: 2 }), 1)).toBe('absent');
      expect(await stores().clients.remove(web)).toBe(false);
      expect(await stores().clients.find(web)).toBeUndefined();
    });

    it('an id is given once, and whoever was first stays', async () => {
      await stores().clients.create(aClient('web'));
      expect(await stores().clients.create(aClient('web', { name: 'Another' }))).toBe('clash');
      expect((await stores().clients.find(web))?.name).toBe('Client web');
      expect(await stores().clients.create(aClient('WEB'))).toBe('created');
    });

    it('of 50 creations of one id at once, exactly one wins', async () => {
      const outcomes = await race(50, (index) =>
        stores().clients.create(aClient('web', { name: `${index}` })),
      );
      expect(outcomes.filter((outcome) => outcome === 'created')).toHaveLength(1);
      expect((await stores().clients.find(web))?.name).toBe(`${outcomes.indexOf('created')}`);
    });

    it('the list is sorted by id', async () => {
      const ids = ['b', 'B', 'a', '1', 'a.b', 'a_b', 'a-b', 'C'];
      for (const id of ids) await stores().clients.create(aClient(id));
      expect((await stores().clients.list()).map(({ id }) => id)).toEqual(ids.toSorted());
    });

    it('a client is replaced as a whole, by the next revision', async () => {
      await stores().clients.create(aClient('web', { login: 'shop' }));
      const next = aClient('web', { name: 'Next', secrets: [], revision: 2 });
      expect(await stores().clients.replace(next, 1)).toBe('replaced');
      expect(await stores().clients.find(web)).toStrictEqual(next);
    });

    it('a replacement of another revision is stale and changes nothing', async () => {
      await stores().clients.create(aClient('web'));
      await stores().clients.replace(aClient('web', { name: 'Second', revision: 2 }), 1);
      for (const revision of [0, 1, 3])
        expect(await stores().clients.replace(aClient('web', { revision: revision + 1 }), revision)).toBe(
          'stale',
        );
      expect(await stores().clients.find(web)).toMatchObject({ name: 'Second', revision: 2 });
    });

    it('of 50 replacements of one revision at once, exactly one wins', async () => {
      await stores().clients.create(aClient('web'));
      const outcomes = await race(50, (index) =>
        stores().clients.replace(aClient('web', { name: `${index}`, revision: 2 }), 1),
      );
      expect(outcomes.filter((outcome) => outcome === 'replaced')).toHaveLength(1);
      expect((await stores().clients.find(web))?.name).toBe(`${outcomes.indexOf('replaced')}`);
    });

    it('a client is removed once, and its id may then be given again', async () => {
      await stores().clients.create(aClient('web'));
      const outcomes = await race(50, () => stores().clients.remove(web));
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      expect(await stores().clients.find(web)).toBeUndefined();
      expect(await stores().clients.create(aClient('web'))).toBe('created');
    });

    it('a removal that names a revision leaves a client of another one alone', async () => {
      await stores().clients.create(aClient('web'));
      expect(await stores().clients.remove(web, 2)).toBe(false);
      expect(await stores().clients.find(web)).toBeDefined();
      expect(await stores().clients.remove(web, 1)).toBe(true);
    });

    it('a client that is replaced and removed at once is not there afterwards', async () => {
      await stores().clients.create(aClient('web'));
      const [, isRemoved] = await Promise.all([
        stores().clients.replace(aClient('web', { revision: 2 }), 1),
        stores().clients.remove(web),
      ]);
      expect(isRemoved).toBe(true);
      expect(await stores().clients.find(web)).toBeUndefined();
    });

    it('each change is announced before it is acknowledged, and what changed nothing is not', async () => {
      const changes = recordChanges(stores());
      const change = { kind: 'clientChanged', id: web };
      await stores().clients.create(aClient('web'));
      expect(changes).toEqual([change]);
      await stores().clients.create(aClient('web'));
      await stores().clients.replace(aClient('web', { revision: 2 }), 1);
      expect(changes).toEqual([change, change]);
      await stores().clients.replace(aClient('web', { revision: 2 }), 1);
      await stores().clients.remove(web, 1);
      await stores().clients.remove(web);
      expect(changes).toEqual([change, change, change]);
      await stores().clients.remove(web);
      await stores().clients.replace(aClient('web', { revision: 2 }), 1);
      expect(changes).toHaveLength(3);
    });

    it('a time that is no number is refused, since a secret without an end lives for ever', async () => {
      const endless = aClient('web', { secrets: [{ hex: 'ab'.repeat(32), expiresAt: Number.NaN }] });
      await expect(stores().clients.create(endless)).rejects.toThrow(RangeError);
      await expect(stores().clients.create(aClient('web', { createdAt: Infinity }))).rejects.toThrow(
        RangeError,
      );
      expect(await stores().clients.find(web)).toBeUndefined();
      await stores().clients.create(aClient('web', { createdAt: NOW - MINUTE }));
      await expect(stores().clients.replace({ ...endless, revision: 2 }, 1)).rejects.toThrow(RangeError);
      expect((await stores().clients.find(web))?.revision).toBe(1);
    });
  });
}
