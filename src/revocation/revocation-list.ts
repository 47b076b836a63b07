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

/** Throws `StoreUnavailable` when the list cannot be read: without it nothing may be admitted. */
export async function createRevocationList(parts: RevocationListParts): Promise<RevocationList> {
  const { revocations, changes, clock, log } = parts;
  const entries = new Map<RevocationId, Revocation>();
  // Before the snapshot is there, changes wait: it may be older than they are, and is never newer than all of them.
  let early: Change[] | undefined = [];

  const unsubscribe = changes.subscribe((change) => {
    if (early === undefined) apply(change);
    else early.push(change);
  });

  function apply(change: Change): void {
    if (change.kind === 'revocationAdded') {
      entries.set(revocationIdOf(change.revocation.target), change.revocation);
    } else if (change.kind === 'revocationRemoved') {
      entries.delete(change.id);
    }
  }

  try {
    for (const revocation of await revocations.list(clock())) {
      entries.set(revocationIdOf(revocation.target), revocation);
    }
  } catch (error) {
    unsubscribe();
    throw error;
  }
  for (const change of early) apply(change);
  early = undefined;
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
    get size() {
      return entries.size;
    },
    close() {
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
