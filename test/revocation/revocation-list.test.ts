import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../src/base/outage.ts';
import type { Principal } from '../../src/principals/principal.ts';
import { type Revocation, type RevocationTarget, revocationIdOf } from '../../src/revocation/revocation.ts';
import { createRevocationList, type RevocationList } from '../../src/revocation/revocation-list.ts';
import type { RevocationStore } from '../../src/revocation/revocation-store.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { tenant } from '../support/authentication.ts';

const NOW = 1_800_000_000_000;
const SUBJECT: RevocationTarget = { kind: 'subject', subject: 'user:login:4711' };

let stores: Stores;
let list: RevocationList;

beforeEach(async () => {
  stores = openEmbeddedStore({ path: ':memory:', clock: () => NOW });
  list = await load();
});

afterEach(async () => {
  list.close();
  await stores.close();
});

function load(revocations: RevocationStore = stores.revocations): Promise<RevocationList> {
  return createRevocationList({
    revocations,
    changes: stores.changes,
    clock: () => NOW,
    log: pino({ level: 'silent' }),
  });
}

function entry(target: RevocationTarget, changes: Partial<Revocation> = {}): Revocation {
  return { target, revokedAt: NOW, revokedBy: 'test', ...changes };
}

function principal(changes: Partial<Principal> = {}): Principal {
  return {
    kind: 'user',
    subject: 'user:login:4711',
    tenants: [tenant('acme')],
    scopes: new Set(),
    roles: new Set(),
    profile: {},
    method: 'jwt',
    issuedAt: NOW,
    credentialId: 'token:login:1',
    revocationIds: [revocationIdOf({ kind: 'token', issuer: 'login', jti: '1' }), revocationIdOf(SUBJECT)],
    ...changes,
  };
}

const isRevoked = (who: Principal = principal(), where?: string, now = NOW): boolean =>
  list.find(who, where === undefined ? undefined : tenant(where), now) !== undefined;

describe('the revocation list', () => {
  it('revokes from the moment that the store acknowledged it, and no longer once taken back', async () => {
    expect(isRevoked()).toBe(false);
    await stores.revocations.add(entry(SUBJECT));
    expect(isRevoked()).toBe(true);
    expect(list.find(principal(), undefined, NOW)?.target).toEqual(SUBJECT);
    await stores.revocations.remove(revocationIdOf(SUBJECT));
    expect(isRevoked()).toBe(false);
  });

  it('knows what was revoked before it was loaded', async () => {
    await stores.revocations.add(entry(SUBJECT));
    list.close();
    list = await load();
    expect(list.size).toBe(1);
    expect(isRevoked()).toBe(true);
  });

  it('loses nothing that changes while it loads, whether or not the snapshot has it', async () => {
    const removed: RevocationTarget = { kind: 'client', client: 'client:login:old' };
    await stores.revocations.add(entry(removed));
    list.close();
    list = await load({
      ...stores.revocations,
      async list(now) {
        const snapshot = await stores.revocations.list(now);
        await stores.revocations.add(entry(SUBJECT));
        await stores.revocations.remove(revocationIdOf(removed));
        return snapshot;
      },
    });
    expect(isRevoked()).toBe(true);
    expect(list.size).toBe(1);
  });

  it('cannot be made without the store', async () => {
    const down = { ...stores.revocations, list: () => Promise.reject(new StoreUnavailable('gone')) };
    await expect(load(down)).rejects.toThrow(StoreUnavailable);
  });

  it('revokes by every id of the principal, and by no other', async () => {
    for (const target of [
      { kind: 'token', issuer: 'login', jti: '2' },
      { kind: 'token', issuer: 'other', jti: '1' },
      { kind: 'subject', subject: 'client:login:4711' },
      { kind: 'client', client: 'user:login:4711' },
    ] as const) {
      await stores.revocations.add(entry(target));
    }
    expect(isRevoked()).toBe(false);
    await stores.revocations.add(entry({ kind: 'token', issuer: 'login', jti: '1' }));
    expect(isRevoked()).toBe(true);
  });

  it('revokes a tenant for whoever acts for it, and only there', async () => {
    await stores.revocations.add(entry({ kind: 'tenant', tenant: tenant('acme') }));
    expect(isRevoked(principal(), 'acme')).toBe(true);
    expect(isRevoked(principal(), 'globex')).toBe(false);
    expect(isRevoked(principal())).toBe(false);
  });

  it('takes "issued before" to the millisecond, that one included; what does not say counts as older', async () => {
    await stores.revocations.add(entry(SUBJECT, { issuedBefore: NOW }));
    expect(isRevoked(principal({ issuedAt: NOW - 1 }))).toBe(true);
    expect(isRevoked(principal({ issuedAt: NOW }))).toBe(true);
    expect(isRevoked(principal({ issuedAt: NOW + 1 }))).toBe(false);
    const { issuedAt: _issuedAt, ...undated } = principal();
    expect(isRevoked(undated)).toBe(true);
  });

  it('ignores an entry from its expiry on', async () => {
    await stores.revocations.add(entry(SUBJECT, { expiresAt: NOW + 1000 }));
    expect(isRevoked(principal(), undefined, NOW + 999)).toBe(true);
    expect(isRevoked(principal(), undefined, NOW + 1000)).toBe(false);
  });

  it('hears nothing once it is closed', async () => {
    list.close();
    await stores.revocations.add(entry(SUBJECT));
    expect(list.size).toBe(0);
  });
});
