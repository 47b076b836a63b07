import { parentHostOf } from '../routing/route.ts';
import { parentOf } from '../routing/router.ts';
import { parseTenantId, type TenantId } from './tenant.ts';

/** What a host says about the tenant. */
export type HostTenant =
  | { readonly kind: 'none' }
  | { readonly kind: 'named'; readonly id: TenantId }
  /** The host has the shape of a tenant host, but names none that could exist. */
  | { readonly kind: 'impossible' };

/** Compiles patterns such as `{tenant}.api.example.com`; the first label of a matching host is a tenant's id. */
export function compileTenantHosts(patterns: readonly string[]): (host: string) => HostTenant {
  const parents = new Set(patterns.map(parentHostOf));
  return (host) => {
    if (parents.size === 0 || !parents.has(parentOf(host))) return { kind: 'none' };
    const id = parseTenantId(host.slice(0, host.indexOf('.')));
    return id === undefined ? { kind: 'impossible' } : { kind: 'named', id };
  };
}
