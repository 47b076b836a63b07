import { err, ok, type Result } from '../base/result.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Principal } from '../principals/principal.ts';
import { parseTenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { InterceptedParts } from './intercepted-parts.ts';
import { type Refused, refused } from './outcome.ts';

/**
 * The tenant in whose database the password of an intercepted login is checked. Host, body and key, as far as they name one, must agree; the
 * login block says which of them may select. A tenant that does not exist looks like a wrong password.
 */
export function tenantOfIntercepted(
  { hostTenant }: Pick<EndpointCall, 'hostTenant'>,
  inBody: string | undefined,
  key: Principal | undefined,
  sources: LoginSettings['tenant'],
  { tenants }: Pick<InterceptedParts, 'tenants'>,
): Result<KnownTenant, Refused> {
  const ofKey = key?.tenants.length === 1 ? key.tenants[0] : undefined;
  const details = {
    ...(key !== undefined && { principal: key }),
    ...(hostTenant !== undefined && { tenant: hostTenant }),
  };
  // What the body says is read only where it may select.
  const selected =
    (sources.includes('host') ? hostTenant : undefined) ??
    inBody ??
    (sources.includes('apiKey') ? ofKey : undefined);
  if (selected === undefined)
    return err(refused('tenant_unresolved', 'nothing that may select a tenant is there', details));
  const isContradicted =
    (hostTenant !== undefined && hostTenant !== selected) ||
    (inBody !== undefined && inBody !== selected) ||
    (key !== undefined && !key.tenants.some((tenant) => tenant === selected));
  if (isContradicted)
    return err(refused('tenant_mismatch', 'host, body and API key name different tenants', details));
  const id = parseTenantId(selected);
  const tenant = id === undefined ? undefined : tenants.find(id);
  if (tenant === undefined)
    return err(refused('credential_invalid', 'the login names a tenant that does not exist', details));
  return tenant.status === 'suspended'
    ? err(refused('tenant_suspended', `${tenant.id} is suspended`, { ...details, tenant: tenant.id }))
    : ok(tenant);
}
