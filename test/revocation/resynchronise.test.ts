import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { EpochMilliseconds } from '../../src/base/clock.ts';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { type Revocation, revocationIdOf } from '../../src/revocation/revocation.ts';
import { createRevocationList } from '../../src/revocation/revocation-list.ts';
import type { Change, ChangeFeed } from '../../src/stores/change-feed.ts';
import { eventually, tenant } from '../support/authentication.ts';

const NOW = 1_000_000;
const acme: Revocation = {
  target: { kind: 'tenant', tenant: tenant('acme') },
  revokedAt: NOW,
  revokedBy: 'test',
};
const globex: Revocation = {
  target: { kind: 'tenant', tenant: tenant('globex') },
  revokedAt: NOW,
  revokedBy: 'test',
};

const initech: Revocation = {
  target: { kind: 'tenant', tenant: tenant('initech') },
  revokedAt: NOW,
  revokedBy: 'test',
};

/** A store that loses touch: what its feed tells, and what a read gives, is the test's to say. */
function createRemoteStore() {
  let listener: ((change: Change) => void) | undefined;
  const state = {
    listed: [acme] as readonly Revocation[],
    isDown: false,
    lag: 0,
    held: undefined as Promise<void> | undefined,
    added: [] as Revocation[],
  };
  const changes: ChangeFeed = {
    subscribe(added) {
      listener = added;
      return () => {};
    },
    lag: (_now: EpochMilliseconds) => state.lag,
  };
  const list = async (): Promise<readonly Revocation[]> => {
    const { listed, held } = state;
    await held;
    if (state.isDown) throw new StoreUnavailable('gone');
    return listed;
  };
  const revocations = {
    list,
    add: async (added: Revocation) => {
      if (state.isDown) throw new StoreUnavailable('gone');
      state.added.push(added);
      return added;
    },
    remove: async () => false,
    prune: async () => 0,
  };
  return { state, changes, revocations, tell: (change: Change) => listener?.(change) };
}

const log = pino({ level: 'silent' });
const clock = () => NOW;

describe('the revocation list, when changes may have been missed', () => {
  it('is late since it was complete until it has been read anew, and then lacks nothing', async () => {
    const store = createRemoteStore();
    const list = await createRevocationList({ ...store, clock, log });
    expect(list.lag(NOW)).toBe(0);
    store.state.listed = [acme, globex];
    store.state.lag = 300;
    const held = Promise.withResolvers<void>();
    store.state.held = held.promise;
    store.tell({ kind: 'resynchronise' });
    // The feed has caught up, but what it told before it was missed is not here yet.
    store.state.lag = 0;
    expect(list.lag(NOW + 4_000)).toBe(4_300);
    // A second time does not make it younger.
    store.tell({ kind: 'resynchronise' });
    expect(list.lag(NOW + 5_000)).toBe(5_300);
    // Nor does a system clock that is set back.
    expect(list.lag(NOW - 60_000)).toBeGreaterThanOrEqual(300);
    held.resolve();
    await eventually(() => list.lag(NOW + 5_000) === 0, 'the new snapshot');
    expect(list.size).toBe(2);
    list.close();
  });

  it('keeps what is announced while it is read, though the snapshot is older', async () => {
    const store = createRemoteStore();
    const list = await createRevocationList({ ...store, clock, log });
    const held = Promise.withResolvers<void>();
    store.state.held = held.promise;
    store.state.listed = [];
    store.tell({ kind: 'resynchronise' });
    store.tell({ kind: 'revocationAdded', revocation: globex });
    held.resolve();
    await eventually(() => list.lag(NOW + 9_000) === 0, 'the new snapshot');
    expect(list.size).toBe(1);
    list.close();
  });

  it('is read again and again while the store is away, and stays late', async () => {
    const store = createRemoteStore();
    const list = await createRevocationList({ ...store, clock, log });
    store.state.isDown = true;
    store.tell({ kind: 'resynchronise' });
    await new Promise(setImmediate);
    expect(list.lag(NOW + 9_000)).toBe(9_000);
    expect(list.size).toBe(1);
    store.state.isDown = false;
    await eventually(() => list.lag(NOW + 9_000) === 0, 'the new snapshot');
    list.close();
  });

  it('keeps what a rewound store has lost, and puts it back as soon as that can be done', async () => {
    const store = createRemoteStore();
    const narrow: Revocation = { ...acme, issuedBefore: NOW - 5 };
    const expired: Revocation = { ...globex, expiresAt: NOW };
    store.state.listed = [{ ...acme, issuedBefore: NOW }, expired];
    const list = await createRevocationList({ ...store, clock, log });
    store.tell({ kind: 'revocationAdded', revocation: initech });
    store.state.listed = [narrow];
    store.state.isDown = true;
    store.tell({ kind: 'resynchronise', isRewound: true });
    // What is announced later must not make it forget that the store was rewound.
    store.tell({ kind: 'resynchronise' });
    await new Promise(setImmediate);
    store.state.isDown = false;
    await eventually(() => list.lag(NOW + 9_000) === 0, 'the new snapshot');
    expect(list.size).toBe(2);
    await eventually(() => store.state.added.length === 2, 'what was lost');
    expect(store.state.added).toEqual([{ ...acme, issuedBefore: NOW }, initech]);
    list.close();
  });

  it('forgets what is removed while it is put back, and what a store that only was silent lacks', async () => {
    const store = createRemoteStore();
    const list = await createRevocationList({ ...store, clock, log });
    store.state.listed = [];
    store.tell({ kind: 'resynchronise', isRewound: true });
    store.tell({ kind: 'revocationRemoved', id: revocationIdOf(acme.target) });
    await eventually(() => list.lag(NOW + 9_000) === 0, 'the new snapshot');
    expect(list.size).toBe(0);
    store.tell({ kind: 'revocationAdded', revocation: globex });
    store.tell({ kind: 'resynchronise' });
    await eventually(() => list.lag(NOW + 9_000) === 0, 'the new snapshot');
    expect(list.size).toBe(0);
    expect(store.state.added).toEqual([]);
    list.close();
  });

  it('is as late as its feed', async () => {
    const store = createRemoteStore();
    const list = await createRevocationList({ ...store, clock, log });
    store.state.lag = 7_000;
    expect(list.lag(NOW)).toBe(7_000);
    list.close();
  });
});
