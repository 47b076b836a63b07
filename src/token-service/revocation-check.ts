import type { EpochMilliseconds } from '../base/clock.ts';
import { StoreUnavailable } from '../base/outage.ts';
import type { Principal } from '../principals/principal.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import type { TenantId } from '../tenants/tenant.ts';

/**
 * Whether something is taken back by the revocation list, or all of its tenant. Throws `StoreUnavailable` where the list may be
 * further behind the store than `store.maxLag` allows.
 */
export type IsRevoked = (
  principal: Pick<Principal, 'revocationIds' | 'issuedAt'>,
  tenant: TenantId | undefined,
  now: EpochMilliseconds,
) => boolean;

export function createRevocationCheck(
  revocations: Pick<RevocationList, 'find' | 'lag'>,
  maxLagMilliseconds: number,
): IsRevoked {
  return (principal, tenant, now) => {
    if (revocations.lag(now) > maxLagMilliseconds)
      throw new StoreUnavailable('the revocation list may be further behind the store than maxLag allows');
    return revocations.find(principal, tenant, now) !== undefined;
  };
}
