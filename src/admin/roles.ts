/** What a token may do, least first; each role may do all that the ones before it may. */
export const ADMIN_ROLES = ['viewer', 'operator', 'admin'] as const;

/**
 * `viewer` reads. `operator` runs tenants, keys and revocations, and reloads the configuration. `admin` may do the rest:
 * signing keys, backup and restore, with which whoever has them could stand in for the gateway.
 */
export type AdminRole = (typeof ADMIN_ROLES)[number];

export function isAtLeast(role: AdminRole, least: AdminRole): boolean {
  return ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(least);
}
