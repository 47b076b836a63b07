import type { Principal } from '../principals/principal.ts';
import type { Route } from '../routing/route.ts';
import { type Denial, denial } from './denial.ts';

type Requirements = Pick<Route, 'requiredScopes' | 'anyRole' | 'allRoles'>;

/**
 * Scopes and roles that a route requires. With a pair, both must have the scopes (what the client may do bounds what
 * the user may do through it), and the user must have the roles.
 */
export function findUnmetRequirement(
  route: Requirements,
  principal: Principal,
  client: Principal | undefined,
): Denial | undefined {
  for (const scope of route.requiredScopes) {
    if (!principal.scopes.has(scope)) return lacksScope(principal, scope, route);
    if (client !== undefined && !client.scopes.has(scope)) return lacksScope(client, scope, route);
  }
  if (route.anyRole !== undefined && !route.anyRole.some((role) => principal.roles.has(role))) {
    return denial('role_missing', `has none of the roles ${route.anyRole.join(', ')}`);
  }
  const missing = route.allRoles.find((role) => !principal.roles.has(role));
  return missing === undefined ? undefined : denial('role_missing', `lacks the role ${missing}`);
}

function lacksScope(principal: Principal, scope: string, route: Requirements): Denial {
  return denial('insufficient_scope', `${principal.credentialId} lacks the scope ${scope}`, {
    scopes: route.requiredScopes,
  });
}
