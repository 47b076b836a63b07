import { z } from 'zod';
import { entryName, patternText, type ReferenceScalars, rate, tenantId, text } from './scalars.ts';

export function tenantSchema(scalars: ReferenceScalars) {
  return z.strictObject({
    name: text.optional().describe('For people. Default: the id.'),
    status: z
      .enum(['active', 'suspended'])
      .prefault('active')
      .describe('Requests of a suspended tenant are answered 403.'),
    hosts: z
      .array(text)
      .prefault([])
      .describe('Exact host names that select this tenant. No other tenant may have them.'),
    issuers: z.array(entryName).prefault([]).describe('Issuers whose tokens may speak for this tenant.'),
    limits: z
      .strictObject({
        requests: rate.optional().describe('In place of `limits.perTenant`.'),
      })
      .optional()
      .describe('Limits of its own.'),
    upstreams: z
      .record(entryName, z.array(scalars.url).min(1).describe('Targets in place of those of the upstream.'))
      .prefault({})
      .describe('Targets of its own, by upstream: this tenant lives elsewhere.'),
    credentials: z
      .record(
        patternText(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, 'a name of letters, digits, _ and -', 'name'),
        scalars.secret.describe('The secret under this name.'),
      )
      .prefault({})
      .describe('Secrets that an upstream wants of this tenant, used as {tenant.credentials.NAME}.'),
  });
}

export function tenantsSchema(scalars: ReferenceScalars) {
  return z
    .record(tenantId, tenantSchema(scalars).describe('One tenant, under its id.'))
    .prefault({})
    .describe('Tenants kept in the configuration. Further ones live in the store.');
}
