import type { EpochMilliseconds } from '../base/clock.ts';
import type { Revocation } from '../revocation/revocation.ts';
import type { ApiKey } from './api-key.ts';

/** `replaced`: rotated, and still accepted until it expires. */
export type ApiKeyState = 'active' | 'replaced' | 'expired' | 'revoked';

/** `revocations`: the live entries, since a key of the configuration can be revoked by an entry alone. */
export function stateOfKey(
  key: ApiKey,
  revocations: readonly Revocation[],
  now: EpochMilliseconds,
): ApiKeyState {
  if (key.revokedAt !== undefined || isRevokedBy(key, revocations)) return 'revoked';
  if (key.expiresAt !== undefined && now >= key.expiresAt) return 'expired';
  return key.replacedBy === undefined ? 'active' : 'replaced';
}

function isRevokedBy(key: ApiKey, revocations: readonly Revocation[]): boolean {
  return revocations.some(
    ({ target, issuedBefore }) =>
      target.kind === 'key' &&
      target.id === key.id &&
      (issuedBefore === undefined || key.createdAt <= issuedBefore),
  );
}
