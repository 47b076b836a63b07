import { describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { revocationIdOf } from '../../src/revocation/revocation.ts';
import type { Stores } from '../../src/stores/stores.ts';
import {
  aClient,
  aKeyring,
  anApiKey,
  anAuditRecord,
  apiKeyId,
  aReplica,
  aSession,
  aTenant,
  aTenantRevocation,
  aTicket,
  clientId,
  MINUTE,
  NOW,
  sessionId,
  tenantId,
} from './fixtures.ts';
import { race, recordChanges, type StoreAdapter, useStores } from './store-adapter.ts';

const CALLS: readonly (readonly [string, (stores: Stores) => Promise<unknown>])[] = [
  ['ping', (stores) => stores.ping()],
  ['tenants.create', (stores) => stores.tenants.create(aTenant('acme'), NOW)],
  ['tenants.find', (stores) => stores.tenants.find(tenantId('acme'))],
  ['tenants.list', (stores) => stores.tenants.list()],
  ['tenants.update', (stores) => stores.tenants.update(tenantId('acme'), {}, NOW)],
  ['tenants.delete', (stores) => stores.tenants.delete(tenantId('acme'))],
  ['tenants.setSuspension', (stores) => stores.tenants.setSuspension(tenantId('acme'), true, NOW)],
  ['tenants.listSuspensions', (stores) => stores.tenants.listSuspensions()],
  ['apiKeys.create', (stores) => stores.apiKeys.create(anApiKey('key'))],
  ['apiKeys.findById', (stores) => stores.apiKeys.findById(apiKeyId('key'))],
  ['apiKeys.findByDigest', (stores) => stores.apiKeys.findByDigest(anApiKey('key').digest)],
  ['apiKeys.list', (stores) => stores.apiKeys.list({ limit: 1 })],
  ['apiKeys.rotate', (stores) => stores.apiKeys.rotate(apiKeyId('key'), anApiKey('new'), NOW)],
  ['apiKeys.revoke', (stores) => stores.apiKeys.revoke(apiKeyId('key'), NOW)],
  ['apiKeys.recordUses', (stores) => stores.apiKeys.recordUses(new Map([[apiKeyId('key'), NOW]]))],
  ['revocations.add', (stores) => stores.revocations.add(aTenantRevocation('acme'))],
  ['revocations.find', (stores) => stores.revocations.find([aTenantRevocation('acme').target], NOW)],
  ['revocations.list', (stores) => stores.revocations.list(NOW)],
  [
    'revocations.remove',
    (stores) => stores.revocations.remove(revocationIdOf(aTenantRevocation('acme').target)),
  ],
  ['revocations.prune', (stores) => stores.revocations.prune(NOW)],
  ['keyring.find', (stores) => stores.keyring.find('assertion:ES256')],
  ['keyring.list', (stores) => stores.keyring.list()],
  ['keyring.save', (stores) => stores.keyring.save(aKeyring('assertion:ES256'), 0)],
  ['replays.claim', (stores) => stores.replays.claim('nonce', 'n1', NOW + MINUTE, NOW)],
  ['replicas.announce', (stores) => stores.replicas.announce(aReplica('host:1'), MINUTE)],
  ['replicas.list', (stores) => stores.replicas.list()],
  ['replicas.withdraw', (stores) => stores.replicas.withdraw('host:1')],
  ['clients.create', (stores) => stores.clients.create(aClient('web'))],
  ['clients.find', (stores) => stores.clients.find(clientId('web'))],
  ['clients.list', (stores) => stores.clients.list()],
  ['clients.replace', (stores) => stores.clients.replace(aClient('web', { revision: 2 }), 1)],
  ['clients.remove', (stores) => stores.clients.remove(clientId('web'))],
  ['attempts.take', (stores) => stores.attempts.take('k', { count: 1, windowMilliseconds: MINUTE }, NOW)],
  [
    'attempts.giveBack',
    (stores) => stores.attempts.giveBack('k', { count: 1, windowMilliseconds: MINUTE }, NOW),
  ],
  ['sessions.create', (stores) => stores.sessions.create(aSession('S1'), undefined)],
  ['sessions.find', (stores) => stores.sessions.find(sessionId('S1'))],
  ['sessions.replace', (stores) => stores.sessions.replace(aSession('S1', { revision: 2 }), 1)],
  [
    'sessions.supersede',
    (stores) => stores.sessions.supersede(sessionId('S1'), 1, aSession('S2'), undefined),
  ],
  ['sessions.saveJar', (stores) => stores.sessions.saveJar(sessionId('S1'), { sealed: 'x', revision: 1 }, 0)],
  ['sessions.end', (stores) => stores.sessions.end(sessionId('S1'))],
  ['sessions.list', (stores) => stores.sessions.list({ limit: 1 })],
  ['sessions.prune', (stores) => stores.sessions.prune(NOW)],
  ['tokens.put', (stores) => stores.tokens.put('ab'.repeat(32), aTicket('k1'))],
  ['tokens.find', (stores) => stores.tokens.find('ab'.repeat(32))],
  ['tokens.take', (stores) => stores.tokens.take('ab'.repeat(32))],
  ['tokens.remove', (stores) => stores.tokens.remove('ab'.repeat(32))],
  ['tokens.prune', (stores) => stores.tokens.prune(NOW)],
  ['audit.append', (stores) => stores.audit.append([anAuditRecord('d1')])],
  ['audit.read', (stores) => stores.audit.read({ limit: 1 })],
  ['audit.prune', (stores) => stores.audit.prune(1)],
];

export function lifecycleContract(adapter: StoreAdapter): void {
  describe(`the life of ${adapter.name}`, () => {
    const stores = useStores(adapter);

    it('an open store answers a ping', async () => {
      await expect(stores().ping()).resolves.toBeUndefined();
    });

    it.each(CALLS)('%s on a closed store is an outage, never an answer', async (_, call) => {
      await stores().close();
      await expect(call(stores())).rejects.toThrow(StoreUnavailable);
    });

    it('closing twice, or twice at once, is fine', async () => {
      await Promise.all([stores().close(), stores().close()]);
      await stores().close();
    });

    it('what was handed in before closing is finished and announced', async () => {
      const changes = recordChanges(stores());
      const pending = race(20, (index) => stores().apiKeys.create(anApiKey(`k${index}`)));
      await stores().close();
      expect(new Set(await pending)).toEqual(new Set(['created']));
      expect(changes).toHaveLength(20);
    });

    it('a time or a count that is no number is refused, not stored as "never" or "all"', async () => {
      await expect(stores().apiKeys.create(anApiKey('key', { expiresAt: Number.NaN }))).rejects.toThrow(
        RangeError,
      );
      expect(await stores().apiKeys.findById(apiKeyId('key'))).toBeUndefined();
      await expect(stores().apiKeys.list({ limit: -1 })).rejects.toThrow(RangeError);
      await expect(stores().audit.read({ limit: -1 })).rejects.toThrow(RangeError);
      await expect(stores().audit.prune(Number.NaN)).rejects.toThrow(RangeError);
    });
  });
}
