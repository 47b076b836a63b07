import type { Logger } from 'pino';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import type { Principal } from '../principals/principal.ts';
import type { Change, ChangeFeed } from '../stores/change-feed.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { isLive, type Revocation, type RevocationId, revocationIdOf } from './revocation.ts';
import { buildSnapshot } from './revocation-snapshot.ts';
import type { RevocationStore } from './revocation-store.ts';

/** Every revocation, in memory: asked on each request, without waiting for anything. */
export interface RevocationList {
  /** The entry that revokes this principal, or everything of its effective tenant; `undefined` if there is none. */
  find(
    principal: Pick<Principal, 'revocationIds' | 'issuedAt'>,
    effectiveTenant: TenantId | undefined,
    now: EpochMilliseconds,
  ): Revocation | undefined;
  /**
   * Milliseconds by which the list may be behind the store; see `ChangeFeed.lag`. While it is read anew, those since it
   * was complete: until then what was held still counts.
   */
  lag(now: EpochMilliseconds): number;
  /** Entries held, some of which may have expired since the last pruning. */
  readonly size: number;
  close(): void;
}

export interface RevocationListParts {
  readonly revocations: Pick<RevocationStore, 'add' | 'list'>;
  readonly changes: ChangeFeed;
  readonly clock: Clock;
  readonly log: Logger;
}

const PRUNE_EVERY = 60_000;
const RETRY_MILLISECONDS = 1_000;
/** Entries that are put back at the same time. */
const PUT_BACK_AT_ONCE = 50;

/**
 * An entry stays until it expires or its removal is announced: that a store which was rewound lacks it is no reason to
 * forget it, and it is put back there, so that others learn of it too. Throws `StoreUnavailable` when the list cannot be
 * read at first: without it nothing may be admitted.
 */
export async function createRevocationList(parts: RevocationListParts): Promise<RevocationList> {
  const { revocations, changes, clock, log } = parts;
  let entries = new Map<RevocationId, Revocation>();
  /** Changes that came while a snapshot was read: it may be older than they are, and is never newer than all of them. */
  let early: Change[] | undefined;
  /** Until when all that the store had announced was known. `undefined`: it still is, as far as the feed goes. */
  let completeUntil: Moment | undefined;
  /** Whether there has been a complete snapshot. Until then whoever wants the list waits for it. */
  let isLoaded = false;
  /** The store may lack what is held here. */
  let isRewound = false;
  /** What it lacks. */
  let lost = new Map<RevocationId, Revocation>();
  let isPuttingBack = false;
  let retry: NodeJS.Timeout | undefined;
  let putBackRetry: NodeJS.Timeout | undefined;

  const unsubscribe = changes.subscribe((change) => {
    if (change.kind === 'resynchronise') {
      if (change.isRewound === true) isRewound = true;
      if (isLoaded) void resynchronise();
      else early = undefined;

      return;
    }
    early?.push(change);
    apply(change);
  });

  function apply(change: Change): void {
    if (change.kind === 'revocationAdded') {
      entries.set(revocationIdOf(change.revocation.target), change.revocation);
    } else if (change.kind === 'revocationRemoved') {
      entries.delete(change.id);
      lost.delete(change.id);
    }
  }

  /** Adding comes to the same whether one replica does it or each. */
  async function putBack(): Promise<void> {
    if (isPuttingBack || lost.size === 0) return;
    isPuttingBack = true;
    log.warn({ revocations: lost.size }, 'the store had lost revocations; they are put back');
    try {
      while (lost.size > 0) {
        const batch = firstOf(lost, PUT_BACK_AT_ONCE);
        await Promise.all(batch.map(([, revocation]) => revocations.add(revocation)));
        for (const [id] of batch) lost.delete(id);
      }
    } catch (error) {
      log.error({ err: error }, 'revocations could not be put back; it is tried again');
      putBackRetry = setTimeout(() => void putBack(), RETRY_MILLISECONDS).unref();
    } finally {
      isPuttingBack = false;
    }
  }

  /** Until it is complete, the old entries count. False: another one is needed, since what was read may lack something. */
  async function takeSnapshot(): Promise<boolean> {
    const during: Change[] = [];
    early = during;
    const listed = await revocations.list(clock());
    const snapshot = await buildSnapshot({
      listed,
      held: isRewound ? entries : [],
      now: clock(),
      isWanted: () => early === during,
    });
    if (snapshot === undefined) return false;
    isRewound = false;
    entries = snapshot.entries;
    for (const [id, revocation] of lost) if (!snapshot.lost.has(id)) snapshot.lost.set(id, revocation);
    lost = snapshot.lost;
    for (const change of during) apply(change);
    early = undefined;
    completeUntil = undefined;
    isLoaded = true;
    void putBack();
    return true;
  }

  /** Until the new snapshot is there the old one may lack anything that came after it was complete. */
  async function resynchronise(): Promise<void> {
    const now = clock();
    const lag = changes.lag(now);
    completeUntil ??= { time: now - lag, elapsed: performance.now() - lag };
    clearTimeout(retry);
    try {
      await takeSnapshot();
    } catch (error) {
      log.error({ err: error }, 'the revocation list could not be read anew; it is tried again');
      retry = setTimeout(() => void resynchronise(), RETRY_MILLISECONDS).unref();
    }
  }

  try {
    while (!(await takeSnapshot()))
      log.debug('the revocation list is read again: changes may have been missed');
  } catch (error) {
    unsubscribe();
    throw error;
  }
  log.info({ revocations: entries.size }, 'revocation list loaded');

  const timer = setInterval(() => prune(entries, clock()), PRUNE_EVERY);
  timer.unref();

  function revoking(
    id: RevocationId,
    issuedAt: EpochMilliseconds | undefined,
    now: EpochMilliseconds,
  ): Revocation | undefined {
    const entry = entries.get(id);
    return entry !== undefined && isLive(entry, now) && covers(entry, issuedAt) ? entry : undefined;
  }

  return {
    find(principal, effectiveTenant, now) {
      if (entries.size === 0) return undefined;
      for (const id of principal.revocationIds) {
        const entry = revoking(id, principal.issuedAt, now);
        if (entry !== undefined) return entry;
      }
      if (effectiveTenant === undefined) return undefined;
      return revoking(revocationIdOf({ kind: 'tenant', tenant: effectiveTenant }), principal.issuedAt, now);
    },
    lag(now) {
      const lag = changes.lag(now);
      if (completeUntil === undefined) return lag;
      // The greater of two clocks, since the system's may be set back.
      return Math.max(lag, now - completeUntil.time, performance.now() - completeUntil.elapsed);
    },
    get size() {
      return entries.size;
    },
    close() {
      // No snapshot is wanted any more.
      early = undefined;
      clearTimeout(retry);
      clearTimeout(putBackRetry);
      lost.clear();
      clearInterval(timer);
      unsubscribe();
    },
  };
}

function prune(entries: Map<RevocationId, Revocation>, now: EpochMilliseconds): void {
  for (const [id, entry] of entries) {
    if (!isLive(entry, now)) entries.delete(id);
  }
}

interface Moment {
  readonly time: EpochMilliseconds;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsed: number;
}

/** Without a copy of all of them, of which there may be a million. */
function firstOf<K, V>(map: ReadonlyMap<K, V>, count: number): readonly (readonly [K, V])[] {
  const first: (readonly [K, V])[] = [];
  for (const entry of map) {
    if (first.length === count) break;
    first.push(entry);
  }
  return first;
}

/** `issuedBefore` is inclusive, and what does not say when it was issued is older than any moment. */
function covers(entry: Revocation, issuedAt: EpochMilliseconds | undefined): boolean {
  return entry.issuedBefore === undefined || issuedAt === undefined || issuedAt <= entry.issuedBefore;
}
