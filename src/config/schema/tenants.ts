import { z } from 'zod';
import { entryName, type ReferenceScalars, tenantId, text } from './scalars.ts';

export function tenantSchema(scalars: ReferenceScalars) {
  return z.strictObject({
    name: text.optional().describe('For people. Default: the id.'),
    status: z.enum(['active', 'suspended']).prefault('active'),
    hosts: z.array(text).prefault([]).describe('Exact host names that select this tenant.'),
    issuers: z.array(entryName).prefault([]).describe('Issuers whose tokens may speak for this tenant.'),
    upstreams: z
      .record(entryName, z.array(scalars.url).min(1))
      .prefault({})
      .describe('Targets of its own, by upstream: this tenant lives elsewhere.'),
    credentials: z
      .record(
        z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,62}$/, { error: 'a name of letters, digits, _ and -' }),
        scalars.secret,
      )
      .prefault({})
      .describe('Secrets that an upstream wants of this tenant, used as {tenant.credentials.NAME}.'),
  });
}

export function tenantsSchema(scalars: ReferenceScalars) {
  return z.record(tenantId, tenantSchema(scalars)).prefault({});
}
