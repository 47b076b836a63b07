import { err, type Result } from '../base/result.ts';
import type { Client } from '../clients/client.ts';
import type { LoginSettings } from '../config/schema/config.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { parseTenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { findActiveTenant } from './judge-session.ts';
import { type Refused, refused } from './outcome.ts';

/**
 * The tenant in whose database a password is checked: of the host, of the `tenant` member, or the client's only one. All that are
 * there must agree; the login block says which of the first two may select. A tenant that does not exist looks like a wrong password.
 */
export function tenantOfLogin(
  claimed: string | undefined,
  call: Pick<EndpointCall, 'hostTenant'>,
  client: Client,
  sources: LoginSettings['tenant'],
  parts: Pick<BrowserSessionParts, 'tenants'>,
): Result<KnownTenant, Refused> {
  const { hostTenant } = call;
  const details = { client, ...(hostTenant !== undefined && { tenant: hostTenant }) };
  if (hostTenant !== undefined && claimed !== undefined && hostTenant !== claimed)
    return err(refused('tenant_mismatch', `the host says ${hostTenant}, the body another tenant`, details));
  const only = client.tenants !== 'any' && client.tenants.length === 1 ? client.tenants[0] : undefined;
  const selected =
    (sources.includes('host') ? hostTenant : undefined) ??
    (sources.includes('parameter') ? claimed : undefined) ??
    only;
  if (selected === undefined)
    return err(refused('tenant_unresolved', 'neither host nor body nor client names a tenant', details));
  // What may not select is compared all the same.
  const others = [hostTenant, claimed].filter((other) => other !== undefined && other !== selected);
  if (others.length > 0)
    return err(refused('tenant_mismatch', `another tenant than ${only ?? 'that of the login'}`, details));
  const id = parseTenantId(selected);
  const isUnknown = id === undefined || parts.tenants.find(id) === undefined;
  if (isUnknown && client.tenants === 'any')
    return err(refused('credential_invalid', 'the login names a tenant that does not exist', { client }));
  if (id === undefined)
    return err(refused('tenant_mismatch', `${client.id} may not log in to the tenant named`, { client }));
  return findActiveTenant(id, client, parts);
}
