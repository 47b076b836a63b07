import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EpochMilliseconds } from '../base/clock.ts';
import { mergeRevocations } from './merge-revocations.ts';
import { isLive, type Revocation, type RevocationId, revocationIdOf } from './revocation.ts';

/** All entries, as the store and what was held before have them. */
export interface RevocationSnapshot {
  readonly entries: Map<RevocationId, Revocation>;
  /** Those of which the store has nothing, or less. */
  readonly lost: Map<RevocationId, Revocation>;
}

/** Entries between which nothing else is done: a few milliseconds' worth. */
const AT_ONCE = 2_000;

/**
 * A million entries take more than a second, so other work is let in between; `isWanted` is asked after that, and ends
 * it with `undefined`. `held`: what counts although the store may have forgotten it; it may change meanwhile.
 */
export async function buildSnapshot(parts: {
  readonly listed: readonly Revocation[];
  readonly held: Iterable<readonly [RevocationId, Revocation]>;
  readonly now: EpochMilliseconds;
  readonly isWanted: () => boolean;
}): Promise<RevocationSnapshot | undefined> {
  const { listed, held, now, isWanted } = parts;
  const entries = new Map<RevocationId, Revocation>();
  const lost = new Map<RevocationId, Revocation>();

  function keep([id, revocation]: readonly [RevocationId, Revocation]): void {
    if (!isLive(revocation, now)) return;
    const stored = entries.get(id);
    const kept = stored === undefined ? revocation : mergeRevocations(stored, revocation);
    if (stored !== undefined && revokesAsMuch(stored, kept)) return;
    entries.set(id, kept);
    lost.set(id, kept);
  }

  await forEachInTurns(listed, (entry) => entries.set(revocationIdOf(entry.target), entry), isWanted);
  await forEachInTurns(held, keep, isWanted);
  return isWanted() ? { entries, lost } : undefined;
}

async function forEachInTurns<T>(
  items: Iterable<T>,
  act: (item: T) => void,
  isWanted: () => boolean,
): Promise<void> {
  let done = 0;
  for (const item of items) {
    if (done === AT_ONCE) {
      await nextTurn();
      done = 0;
    }
    if (done === 0 && !isWanted()) return;
    act(item);
    done += 1;
  }
}

function revokesAsMuch(one: Revocation, other: Revocation): boolean {
  return one.issuedBefore === other.issuedBefore && one.expiresAt === other.expiresAt;
}
