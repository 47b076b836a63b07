import type { EpochMilliseconds } from '../base/clock.ts';
import type { Revocation } from './revocation.ts';

/**
 * Two live entries for one target become one that revokes all that either did, and lives as long as either would have:
 * an absent `issuedBefore` beats any time, and a later one an earlier one; likewise `expiresAt`. Who, when and why are
 * those of the entry that was added.
 */
export function mergeRevocations(existing: Revocation, added: Revocation): Revocation {
  const { issuedBefore: _issuedBefore, expiresAt: _expiresAt, ...rest } = added;
  const issuedBefore = widest(existing.issuedBefore, added.issuedBefore);
  const expiresAt = widest(existing.expiresAt, added.expiresAt);
  return {
    ...rest,
    ...(issuedBefore !== undefined && { issuedBefore }),
    ...(expiresAt !== undefined && { expiresAt }),
  };
}

function widest(
  one: EpochMilliseconds | undefined,
  other: EpochMilliseconds | undefined,
): EpochMilliseconds | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other);
}
