import { expect, test } from 'vitest';
import { compileTenantHosts } from '../../src/tenants/tenant-hosts.ts';

const hostTenant = compileTenantHosts(['{tenant}.localhost', '{tenant}.api.example.com']);

test.each([
  ['acme.localhost', { kind: 'named', id: 'acme' }],
  ['acme.api.example.com', { kind: 'named', id: 'acme' }],
  ['a_b.api.example.com', { kind: 'impossible' }],
  ['acme.example.com', { kind: 'none' }],
  ['x.acme.api.example.com', { kind: 'none' }],
])('%s says %j', (host, expected) => {
  expect(hostTenant(host)).toEqual(expected);
});

test.each(['localhost', 'api.example.com'])('%s, the host above the tenants, names none of them', (host) => {
  expect(hostTenant(host)).toEqual({ kind: 'none' });
});
