import { ok, type Result } from '../base/result.ts';
import type { Client } from '../clients/client.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';
import type { KnownTenant, TenantDirectory } from '../tenants/tenant-directory.ts';
import { invalidRequest, type OAuthRefusal, refuse } from './oauth-answer.ts';

/** What may name the tenant that a grant is for. */
export interface TenantSources {
  readonly host: TenantId | undefined;
  /** The parameter `tenant`. */
  readonly parameter: string | undefined;
  /** Which of the two may select it; the other is compared all the same. Default: both. */
  readonly selecting?: readonly string[];
}

/**
 * The tenant that tokens are given out for: named by the host, the parameter, or as the only one of the client. All that is there must agree,
 * and the client must be allowed to act for it. Whatever speaks against it is one and the same `invalid_grant`, so that nobody learns
 * which tenants there are.
 */
export function chooseTenant(
  client: Pick<Client, 'id' | 'tenants'>,
  sources: TenantSources,
  tenants: Pick<TenantDirectory, 'find'>,
): Result<KnownTenant, OAuthRefusal> {
  const { parameter } = sources;
  const asked = parameter === undefined ? undefined : parseTenantId(parameter);
  if (parameter !== undefined && asked === undefined) return refusedTenant('tenant is no tenant id');
  const only = client.tenants !== 'any' && client.tenants.length === 1 ? client.tenants[0] : undefined;
  const named = new Set([sources.host, asked, only].filter((each) => each !== undefined));
  const { selecting = ['host', 'parameter'] } = sources;
  const id =
    (selecting.includes('host') ? sources.host : undefined) ??
    (selecting.includes('parameter') ? asked : undefined) ??
    only;
  if (id === undefined)
    return invalidRequest(`the client acts for several tenants: ${waysToName(selecting)}`);
  if (named.size > 1) return refusedTenant(`host, parameter and client ${client.id} name different tenants`);
  return usableTenant(client, id, tenants);
}

/** Sources of an intercepted login, which a grant has not, are none of its caller's business. */
function waysToName(selecting: readonly string[]): string {
  const ways = [
    ...(selecting.includes('host') ? ['the host'] : []),
    ...(selecting.includes('parameter') ? ['the parameter tenant'] : []),
  ];
  return ways.length === 0
    ? 'its login lets neither host nor parameter name one'
    : `${ways.join(' or ')} has to name one`;
}

/** A tenant that exists, is active, and that the client may act for. */
export function usableTenant(
  client: Pick<Client, 'id' | 'tenants'>,
  id: TenantId,
  tenants: Pick<TenantDirectory, 'find'>,
): Result<KnownTenant, OAuthRefusal> {
  if (client.tenants !== 'any' && !client.tenants.includes(id))
    return refusedTenant(`client ${client.id} may not act for tenant ${id}`);
  const tenant = tenants.find(id);
  if (tenant === undefined) return refusedTenant(`tenant ${id} is unknown`);
  return tenant.status === 'active'
    ? ok(tenant)
    : refusedTenant(`tenant ${id} is suspended`, 'tenant_suspended');
}

export function refusedTenant(
  reason: string,
  code: OAuthRefusal['code'] = 'tenant_mismatch',
): { readonly ok: false; readonly error: OAuthRefusal } {
  return refuse({ error: 'invalid_grant', description: 'not for this tenant', code, reason });
}
