import { z } from 'zod';
import { line, rate, tenantId, time } from './scalars.ts';

const hosts = z.array(z.string().max(260)).max(1000);
const issuers = z.array(z.string().max(63)).max(100);

export const createTenantBody = z.strictObject({
  id: tenantId,
  name: line.optional(),
  status: z.enum(['active', 'suspended']).default('active'),
  hosts: hosts.default([]),
  issuers: issuers.default([]),
  requestLimit: rate.optional(),
});

/** An absent member stays as it is; a list replaces the old one. */
export const changeTenantBody = z.strictObject({
  name: line.optional(),
  hosts: hosts.optional(),
  issuers: issuers.optional(),
  requestLimit: rate.nullable().optional().describe('Null: that of everybody, limits.perTenant.'),
});

export const tenantParams = z.strictObject({ id: tenantId });

export const tenantView = z
  .object({
    id: z.string(),
    name: z.string(),
    status: z.enum(['active', 'suspended']),
    hosts: z.array(z.string()).readonly(),
    issuers: z.array(z.string()).readonly(),
    requestLimit: z
      .string()
      .describe('Requests of its own, in place of limits.perTenant, such as 600/min.')
      .exactOptional(),
    origin: z.enum(['configured', 'stored']),
    isInEffect: z
      .boolean()
      .describe('False: the configuration has this id or one of these hosts too, and counts.'),
    createdAt: time.exactOptional(),
    updatedAt: time.exactOptional(),
    revision: z.int().exactOptional(),
  })
  .meta({ id: 'Tenant' });
export const tenantsView = z.object({ tenants: z.array(tenantView).readonly() });

export type TenantView = z.output<typeof tenantView>;
