import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/principals/principal.ts';
import { type Revocation, revocationIdOf } from '../../src/revocation/revocation.ts';
import { createRevocationList, type RevocationList } from '../../src/revocation/revocation-list.ts';
import type { Change } from '../../src/stores/change-feed.ts';
import { eventually, tenant } from '../support/authentication.ts';

const NOW = 1_800_000_000_000;
const LARGE = 200_000;

function entry(subject: number): Revocation {
  return { target: { kind: 'subject', subject: `user:login:${subject}` }, revokedAt: NOW, revokedBy: 'test' };
}

/** Entries of the subjects from `first` on. */
function entries(count: number, first = 0): readonly Revocation[] {
  return Array.from({ length: count }, (_, index) => entry(first + index));
}

const added = (subject: number): Change => ({ kind: 'revocationAdded', revocation: entry(subject) });
const removed = (subject: number): Change => ({
  kind: 'revocationRemoved',
  id: revocationIdOf(entry(subject).target),
});

let list: RevocationList | undefined;
afterEach(() => {
  list?.close();
  list = undefined;
});

/** A store whose entries and announcements are the test's to say; `reads`: how often it was read. */
function createStore(listed: readonly Revocation[]) {
  const store = {
    listed,
    reads: 0,
    added: [] as Revocation[],
    tell: (_change: Change): void => {},
    load: () =>
      createRevocationList({
        revocations: {
          async list() {
            store.reads += 1;
            return store.listed;
          },
          async add(revocation) {
            store.added.push(revocation);
            return revocation;
          },
        },
        changes: {
          subscribe(listener) {
            store.tell = listener;
            return () => {};
          },
          lag: () => 0,
        },
        clock: () => NOW,
        log: pino({ level: 'silent' }),
      }),
  };
  return store;
}

async function load(store: ReturnType<typeof createStore>): Promise<RevocationList> {
  list = await store.load();
  return list;
}

function isRevoked(by: RevocationList, subject: number): boolean {
  const principal: Principal = {
    kind: 'user',
    subject: `user:login:${subject}`,
    tenants: [tenant('acme')],
    scopes: new Set(),
    roles: new Set(),
    profile: {},
    method: 'jwt',
    issuedAt: NOW,
    credentialId: 'token:login:1',
    revocationIds: [revocationIdOf(entry(subject).target)],
  };
  return by.find(principal, undefined, NOW) !== undefined;
}

/** How often a timer of a millisecond ran until the work was done. */
async function ticksDuring(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return ticks;
}

describe('a revocation list with very many entries', () => {
  it('lets timers run while it is loaded, and while it is read anew', async () => {
    const store = createStore(entries(LARGE));
    expect(await ticksDuring(() => load(store))).toBeGreaterThan(20);
    expect(list?.size).toBe(LARGE);
    store.listed = entries(LARGE + 1);
    const ticks = await ticksDuring(async () => {
      store.tell({ kind: 'resynchronise' });
      await eventually(() => list?.size === LARGE + 1, 'the new snapshot');
    });
    expect(ticks).toBeGreaterThan(20);
  });

  it('goes on with the old entries until the new ones are complete, and loses no change meanwhile', async () => {
    const store = createStore(entries(10));
    const loaded = await load(store);
    store.listed = entries(LARGE, 5);
    store.tell({ kind: 'resynchronise' });
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();

    // Read, and not complete yet.
    expect([isRevoked(loaded, 0), isRevoked(loaded, 20), loaded.size]).toEqual([true, false, 10]);
    for (const change of [
      added(-1),
      removed(5),
      removed(6),
      added(6),
      added(-2),
      removed(-2),
      removed(LARGE),
    ])
      store.tell(change);
    expect([-1, 5, 6, -2].map((subject) => isRevoked(loaded, subject))).toEqual([true, false, true, false]);
    await nextTurn();
    expect(loaded.size).toBe(10);

    await eventually(() => isRevoked(loaded, 20), 'the new snapshot');
    expect([0, -1, 5, 6, -2, LARGE, LARGE + 4].map((subject) => isRevoked(loaded, subject))).toEqual([
      false,
      true,
      false,
      true,
      false,
      false,
      true,
    ]);
    expect(loaded.size).toBe(LARGE - 1);
    expect(store.added).toEqual([]);
  });

  it('is not there before it is complete, although changes are missed while it is loaded', async () => {
    const store = createStore(entries(LARGE));
    const loading = load(store);
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    store.listed = entries(LARGE, 1);
    store.tell({ kind: 'resynchronise' });
    const loaded = await loading;
    expect(store.reads).toBe(2);
    expect([0, 1, LARGE].map((subject) => isRevoked(loaded, subject))).toEqual([false, true, true]);
  });

  it('is read once more when changes are missed while it is read anew, and keeps what a rewound store lacks', async () => {
    const store = createStore(entries(LARGE));
    const loaded = await load(store);
    store.listed = [];
    store.tell({ kind: 'resynchronise', isRewound: true });
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    store.tell(removed(0));
    store.tell(removed(LARGE - 1));
    store.listed = entries(LARGE - 4, 2);
    store.tell({ kind: 'resynchronise' });
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    store.tell(removed(1));
    await eventually(() => store.added.length > 0, 'what was lost');
    expect(store.reads).toBe(3);
    expect(store.added).toEqual([entry(LARGE - 2)]);
    expect([0, 1, 2, LARGE - 2, LARGE - 1].map((subject) => isRevoked(loaded, subject))).toEqual([
      false,
      false,
      true,
      true,
      false,
    ]);
  });
});
