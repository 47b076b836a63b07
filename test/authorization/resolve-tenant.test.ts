import { describe, expect, it } from 'vitest';
import { findUnmetRequirement } from '../../src/authorization/requirements.ts';
import { resolveTenant, type TenantClaims } from '../../src/authorization/resolve-tenant.ts';
import type { Principal } from '../../src/principals/principal.ts';
import type { TenantSource } from '../../src/routing/route.ts';
import { parseTenantId, type TenantId } from '../../src/tenants/tenant.ts';

function tenant(text: string): TenantId {
  const id = parseTenantId(text);
  if (id === undefined) throw new Error(`${text} is no tenant id`);
  return id;
}
const acme = tenant('acme');
const globex = tenant('globex');

function member(first: TenantId, ...others: TenantId[]): Principal {
  return {
    kind: 'key',
    subject: 'key:1',
    tenants: [first, ...others],
    scopes: new Set(['read']),
    roles: new Set(['clerk']),
    profile: {},
    method: 'apiKey',
    credentialId: 'key:1',
    revocationIds: [],
  };
}

function resolve(
  principals: readonly Principal[],
  claims: Partial<TenantClaims>,
  requires: readonly TenantSource[] = [],
): string {
  const resolved = resolveTenant(
    { host: undefined, path: undefined, field: undefined, ...claims },
    principals,
    new Set(requires),
  );
  return resolved.ok ? String(resolved.value) : resolved.error.code;
}

describe('the tenant of a request', () => {
  it.each([
    ['a credential of one tenant selects it', [member(acme)], {}, [], 'acme'],
    ['the host must be its tenant', [member(acme)], { host: globex }, [], 'tenant_mismatch'],
    ['the host that agrees', [member(acme)], { host: acme }, [], 'acme'],
    ['a path parameter must agree', [member(acme)], { path: globex }, [], 'tenant_mismatch'],
    ['a field must agree', [member(acme)], { field: globex }, [], 'tenant_mismatch'],
    ['a path parameter that is no tenant id', [member(acme)], { path: null }, [], 'tenant_mismatch'],
    ['a field that is no tenant id', [member(acme)], { field: null }, [], 'tenant_mismatch'],
    [
      'host and path that disagree',
      [member(acme, globex)],
      { host: acme, path: globex },
      [],
      'tenant_mismatch',
    ],
    ['several memberships without a selection', [member(acme, globex)], {}, [], 'tenant_unresolved'],
    ['several memberships with a selection', [member(acme, globex)], { host: globex }, [], 'globex'],
    ['a required host that is absent', [member(acme)], {}, ['host'], 'tenant_unresolved'],
    [
      'a required field that is absent',
      [member(acme)],
      { host: acme },
      ['host', 'field'],
      'tenant_unresolved',
    ],
    ['a pair of one tenant', [member(acme), member(acme)], {}, [], 'acme'],
    ['a pair of two tenants', [member(acme), member(globex)], {}, [], 'tenant_mismatch'],
    [
      'a pair in which the key selects for a user of several',
      [member(acme, globex), member(globex)],
      {},
      [],
      'globex',
    ],
    ['a public route on a tenant host', [], { host: acme }, [], 'acme'],
    ['a public route on any host', [], {}, [], 'undefined'],
  ] as const)('%s', (_, principals, claims, requires, expected) => {
    expect(resolve(principals, claims, requires)).toBe(expected);
  });
});

describe('requirements', () => {
  const none = { requiredScopes: [], anyRole: undefined, allRoles: [] };
  it.each([
    ['nothing is required', none, undefined],
    ['a scope is there', { ...none, requiredScopes: ['read'] }, undefined],
    ['a scope is missing', { ...none, requiredScopes: ['read', 'write'] }, 'insufficient_scope'],
    ['one of the roles is there', { ...none, anyRole: ['admin', 'clerk'] }, undefined],
    ['none of the roles is there', { ...none, anyRole: ['admin'] }, 'role_missing'],
    ['one of all roles is missing', { ...none, allRoles: ['clerk', 'admin'] }, 'role_missing'],
  ])('%s', (_, route, expected) => {
    expect(findUnmetRequirement(route, member(acme), undefined)?.code).toBe(expected);
  });

  it('bind the client of a pair to the scopes too', () => {
    const client = { ...member(acme), scopes: new Set<string>() };
    expect(findUnmetRequirement({ ...none, requiredScopes: ['read'] }, member(acme), client)?.code).toBe(
      'insufficient_scope',
    );
  });
});
