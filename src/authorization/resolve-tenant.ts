import { err, ok, type Result } from '../base/result.ts';
import type { Principal } from '../principals/principal.ts';
import type { TenantSource } from '../routing/route.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { type Denial, denial } from './denial.ts';

/** What each source says, as far as it is there. A claim that is no tenant id is `null`: it agrees with nothing. */
export interface TenantClaims {
  readonly host: TenantId | undefined;
  readonly path: TenantId | null | undefined;
  readonly field: TenantId | null | undefined;
}

/**
 * The one tenant that a request acts for. Every source that is present must agree, sources that the route requires
 * must be present, and the credential (of a pair: both) must be a member of it. A credential with several memberships
 * needs another source to select one.
 */
export function resolveTenant(
  claims: TenantClaims,
  principals: readonly Principal[],
  requires: ReadonlySet<TenantSource>,
): Result<TenantId | undefined, Denial> {
  const selected = selectClaimed(claims, requires);
  if (!selected.ok) return selected;
  let tenant = selected.value;
  if (tenant === undefined) {
    tenant = onlyMembership(principals);
    if (tenant === undefined && principals.length > 0) {
      return err(
        denial('tenant_unresolved', 'the credential belongs to several tenants and nothing selects one'),
      );
    }
  }
  for (const principal of principals) {
    if (tenant !== undefined && !principal.tenants.includes(tenant)) {
      return err(
        denial(
          'tenant_mismatch',
          `${principal.credentialId} is no member of ${tenant}, which the request selects`,
        ),
      );
    }
  }
  return ok(tenant);
}

function selectClaimed(
  claims: TenantClaims,
  requires: ReadonlySet<TenantSource>,
): Result<TenantId | undefined, Denial> {
  let selected: TenantId | undefined;
  for (const source of ['host', 'path', 'field'] as const) {
    const claim = claims[source];
    if (claim === undefined) {
      if (requires.has(source))
        return err(denial('tenant_unresolved', `the ${source}, which the route requires, names no tenant`));
      continue;
    }
    if (claim === null)
      return err(denial('tenant_mismatch', `the ${source} names something that is no tenant id`));
    if (selected !== undefined && selected !== claim)
      return err(denial('tenant_mismatch', `the ${source} says ${claim}, another source ${selected}`));
    selected = claim;
  }
  return ok(selected);
}

/** The tenant that a credential of only one membership selects; of a pair, any such one, since both are compared after. */
function onlyMembership(principals: readonly Principal[]): TenantId | undefined {
  for (const principal of principals) {
    if (principal.tenants.length === 1) return principal.tenants[0];
  }
  return undefined;
}
