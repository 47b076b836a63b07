import type { Rate } from '../base/rate.ts';

declare const tenantIdBrand: unique symbol;

/** A tenant's id, proven against the grammar, so that it may become a field value or a store key. */
export type TenantId = string & { readonly [tenantIdBrand]: true };

const TENANT_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

export function parseTenantId(text: string): TenantId | undefined {
  return TENANT_ID.test(text) ? (text as TenantId) : undefined;
}

export type TenantStatus = 'active' | 'suspended';

/** A tenant as the store or the configuration describes it. Secrets (credentials) live in the configuration only. */
export interface Tenant {
  readonly id: TenantId;
  readonly name: string;
  readonly status: TenantStatus;
  /** Exact, normalised host names that select this tenant. */
  readonly hosts: readonly string[];
  /** Names of the issuers whose tokens may speak for this tenant. */
  readonly issuers: readonly string[];
  /** Requests of its own, in place of `limits.perTenant`; absent: that holds. */
  readonly requestLimit?: Rate | undefined;
}
