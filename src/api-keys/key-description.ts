import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { ApiKey, ApiKeyId } from './api-key.ts';

/** What an administrator says about a key. */
export interface KeyDescription {
  readonly tenant: TenantId;
  readonly name: string;
  readonly owner?: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly expiresAt?: EpochMilliseconds;
}

/** Throws `StoreUnavailable`. */
export type DescriptionCheck = (description: KeyDescription) => Promise<Result<undefined, Refusal>>;

export function createDescriptionCheck(
  isTenant: (id: TenantId) => Promise<boolean>,
  clock: Clock,
): DescriptionCheck {
  return async ({ tenant, expiresAt }) => {
    if (!(await isTenant(tenant))) return refusal('invalid', `There is no tenant ${tenant}.`);
    if (expiresAt !== undefined && expiresAt <= clock())
      return refusal('invalid', 'The expiry is in the past.');
    return ok(undefined);
  };
}

/** The key of a description, which may have further members. */
export function describedKey(
  { tenant, name, owner, scopes, roles, expiresAt }: KeyDescription,
  id: ApiKeyId,
  digest: ApiKey['digest'],
  origin: ApiKey['origin'],
  createdAt: EpochMilliseconds,
): ApiKey {
  return {
    id,
    tenant,
    name,
    ...(owner !== undefined && { owner }),
    digest,
    scopes,
    roles,
    origin,
    createdAt,
    ...(expiresAt !== undefined && { expiresAt }),
  };
}
