import { describe, expect, it } from 'vitest';
import { revocationIdOf } from '../../src/revocation/revocation.ts';
import type { Change } from '../../src/stores/change-feed.ts';
import {
  aKeyring,
  anApiKey,
  apiKeyId,
  aTenant,
  aTenantRevocation,
  MINUTE,
  NOW,
  tenantId,
} from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

export function changeFeedContract(adapter: StoreAdapter): void {
  describe(`the change feed in ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it('a change was announced by the time its method resolves, and is visible to whoever is told', async () => {
      const seen: Promise<unknown>[] = [];
      stores().changes.subscribe(() => seen.push(stores().apiKeys.findById(apiKeyId('key'))));
      await stores().apiKeys.create(anApiKey('key'));
      expect(seen).toHaveLength(1);
      expect(await seen[0]).toEqual(anApiKey('key'));
    });

    it('changes of all ports arrive in the order in which they were made', async () => {
      const changes = recordChanges(stores());
      const revocation = aTenantRevocation('acme');
      await stores().tenants.create(aTenant('acme'), NOW);
      await stores().apiKeys.create(anApiKey('key'));
      await stores().revocations.add(revocation);
      await stores().keyring.save(aKeyring('assertion:ES256'), 0);
      await stores().apiKeys.revoke(apiKeyId('key'), NOW);
      expect(changes).toEqual([
        { kind: 'tenantChanged', id: tenantId('acme') },
        { kind: 'apiKeyChanged', id: apiKeyId('key') },
        { kind: 'revocationAdded', revocation },
        { kind: 'keyringChanged' },
        { kind: 'apiKeyChanged', id: apiKeyId('key') },
      ]);
    });

    it('replaying the feed of racing changes leads to what the store holds', async () => {
      const listed = new Map<string, unknown>();
      stores().changes.subscribe((change) => {
        if (change.kind === 'revocationAdded') listed.set('acme', change.revocation);
        if (change.kind === 'revocationRemoved') listed.delete('acme');
      });
      await race<unknown>(60, (index) =>
        index % 3 === 2
          ? stores().revocations.remove(revocationIdOf(aTenantRevocation('acme').target))
          : stores().revocations.add(aTenantRevocation('acme', { issuedBefore: NOW + index })),
      );
      expect([...listed.values()]).toEqual(await stores().revocations.list(NOW));
    });

    it('every listener hears every change, in the same order', async () => {
      const first = recordChanges(stores());
      const second = recordChanges(stores());
      await race(20, (index) => stores().apiKeys.create(anApiKey(`k${index}`)));
      expect(first).toHaveLength(20);
      expect(second).toEqual(first);
    });

    it('a listener that throws spoils neither the change nor the other listeners', async () => {
      stores().changes.subscribe(() => {
        throw new Error('a broken listener');
      });
      const changes = recordChanges(stores());
      expect(await stores().apiKeys.create(anApiKey('one'))).toBe('created');
      expect(await stores().apiKeys.create(anApiKey('two'))).toBe('created');
      expect(changes).toHaveLength(2);
      expect(await stores().apiKeys.list({ limit: 10 })).toHaveLength(2);
    });

    it('a listener may change the store: others hear both changes in order', async () => {
      const followUps: Promise<unknown>[] = [];
      stores().changes.subscribe((change) => {
        if (change.kind === 'tenantChanged') followUps.push(stores().apiKeys.create(anApiKey('follow-up')));
      });
      const changes = recordChanges(stores());
      await stores().tenants.create(aTenant('acme'), NOW);
      await Promise.all(followUps);
      expect(changes.map((change) => change.kind)).toEqual(['tenantChanged', 'apiKeyChanged']);
    });

    it('a subscription that ended hears nothing more, though the same function subscribed twice', async () => {
      const heard: Change[] = [];
      const listener = (change: Change): void => {
        heard.push(change);
      };
      const end = stores().changes.subscribe(listener);
      stores().changes.subscribe(listener);
      await stores().apiKeys.create(anApiKey('one'));
      expect(heard).toHaveLength(2);
      end();
      end();
      await stores().apiKeys.create(anApiKey('two'));
      expect(heard).toHaveLength(3);
    });

    it('a listener that ends itself or another while being told keeps the rest intact', async () => {
      const heard: string[] = [];
      const endFirst = stores().changes.subscribe(() => {
        heard.push('first');
        endFirst();
        endSecond();
      });
      const endSecond = stores().changes.subscribe(() => heard.push('second'));
      stores().changes.subscribe(() => heard.push('third'));
      await stores().revocations.add(aTenantRevocation('acme', { expiresAt: NOW + MINUTE }));
      expect(heard).toEqual(['first', 'third']);
    });
  });
}
