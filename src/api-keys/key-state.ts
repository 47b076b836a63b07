import type { EpochMilliseconds } from '../base/clock.ts';
import type { Revocation } from '../revocation/revocation.ts';
import type { ApiKey, ApiKeyId } from './api-key.ts';

/** `replaced`: rotated, and still accepted until it expires. */
export type ApiKeyState = 'active' | 'replaced' | 'expired' | 'revoked';

/** Live entries of the revocation list, by the key that they revoke: at most one for each. */
export type KeyRevocations = ReadonlyMap<ApiKeyId, Revocation>;

export function keyRevocationsOf(revocations: readonly Revocation[]): KeyRevocations {
  const byKey = new Map<ApiKeyId, Revocation>();
  for (const revocation of revocations) {
    if (revocation.target.kind === 'key') byKey.set(revocation.target.id, revocation);
  }
  return byKey;
}

/** `revocations` take part, since a key of the configuration can be revoked by an entry alone. */
export function stateOfKey(key: ApiKey, revocations: KeyRevocations, now: EpochMilliseconds): ApiKeyState {
  if (key.revokedAt !== undefined || isRevokedBy(key, revocations)) return 'revoked';
  if (key.expiresAt !== undefined && now >= key.expiresAt) return 'expired';
  return key.replacedBy === undefined ? 'active' : 'replaced';
}

/** `issuedBefore` is inclusive. */
function isRevokedBy(key: ApiKey, revocations: KeyRevocations): boolean {
  const entry = revocations.get(key.id);
  return entry !== undefined && (entry.issuedBefore === undefined || key.createdAt <= entry.issuedBefore);
}
