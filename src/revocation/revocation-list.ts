import type { Logger } from 'pino';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import type { Principal } from '../principals/principal.ts';
import type { Change, ChangeFeed } from '../stores/change-feed.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { type Revocation, type RevocationId, revocationIdOf } from './revocation.ts';
import type { RevocationStore } from './revocation-store.ts';

/** Every revocation, in memory: asked on each request, without waiting for anything. */
export interface RevocationList {
  /** The entry that revokes this principal, or everything of its effective tenant; `undefined` if there is none. */
  find(
    principal: Principal,
    effectiveTenant: TenantId | undefined,
    now: EpochMilliseconds,
  ): Revocation | undefined;
  /** Milliseconds by which the list may be behind the store; see `ChangeFeed.lag`. Infinite while it is read anew. */
  lag(now: EpochMilliseconds): number;
  /** Entries held, some of which may have expired since the last pruning. */
  readonly size: number;
  close(): void;
}

export interface RevocationListParts {
  readonly revocations: RevocationStore;
  readonly changes: ChangeFeed;
  readonly clock: Clock;
  readonly log: Logger;
}

const PRUNE_EVERY = 60_000;
const RETRY_MILLISECONDS = 1_000;

/** Throws `StoreUnavailable` when the list cannot be read: without it nothing may be admitted. */
export async function createRevocationList(parts: RevocationListParts): Promise<RevocationList> {
  const { revocations, changes, clock, log } = parts;
  const entries = new Map<RevocationId, Revocation>();
  /** Changes that came while a snapshot was read: it may be older than they are, and is never newer than all of them. */
  let early: Change[] | undefined;
  let isComplete = false;
  let retry: NodeJS.Timeout | undefined;

  const unsubscribe = changes.subscribe((change) => {
    if (change.kind === 'resynchronise') {
      void resynchronise();
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
    }
  }

  async function takeSnapshot(): Promise<void> {
    const during: Change[] = [];
    early = during;
    const listed = await revocations.list(clock());
    // Another snapshot began meanwhile, and will be the newer one.
    if (early !== during) return;
    entries.clear();
    for (const revocation of listed) entries.set(revocationIdOf(revocation.target), revocation);
    for (const change of during) apply(change);
    early = undefined;
    isComplete = true;
  }

  /** Until the new snapshot is there the old one may lack anything, so the list counts as infinitely late. */
  async function resynchronise(): Promise<void> {
    isComplete = false;
    clearTimeout(retry);
    try {
      await takeSnapshot();
    } catch (error) {
      log.error({ err: error }, 'the revocation list could not be read anew; it is tried again');
      retry = setTimeout(() => void resynchronise(), RETRY_MILLISECONDS).unref();
    }
  }

  try {
    await takeSnapshot();
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
    lag: (now) => (isComplete ? changes.lag(now) : Number.POSITIVE_INFINITY),
    get size() {
      return entries.size;
    },
    close() {
      clearTimeout(retry);
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

function isLive(entry: Revocation, now: EpochMilliseconds): boolean {
  return entry.expiresAt === undefined || now < entry.expiresAt;
}

/** `issuedBefore` is inclusive, and what does not say when it was issued is older than any moment. */
function covers(entry: Revocation, issuedAt: EpochMilliseconds | undefined): boolean {
  return entry.issuedBefore === undefined || issuedAt === undefined || issuedAt <= entry.issuedBefore;
}
