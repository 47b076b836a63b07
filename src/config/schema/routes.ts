import { z } from 'zod';
import { entryName, fieldName, size, text } from './scalars.ts';
import { pathPrefix, timeoutsSchema } from './upstreams.ts';

const method = z
  .string()
  .regex(/^[A-Z][A-Z-]{0,31}$/, { error: 'a method in capital letters' })
  .refine((value) => !['TRACE', 'TRACK', 'CONNECT'].includes(value), {
    error: 'a method other than TRACE, TRACK and CONNECT, which are never forwarded',
  });

/** `/a/{name}/b` or `/a/**`: whole segments only; `**` last. */
const pathPattern = z
  .string()
  .regex(
    /^(?:\/|(?:\/(?:\*\*(?=$)|\{[a-z][A-Za-z0-9]*\}|(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()+,;=:@-]+))+)$/,
    {
      error: 'a path pattern: literal segments, {name} for one segment, ** as the last segment for any rest',
    },
  );

export function routesSchema() {
  const accept = z.array(z.enum(['apiKey', 'bearer', 'apiKey+bearer'])).min(1);
  const route = z.strictObject({
    id: entryName,
    match: z.strictObject({
      host: text
        .optional()
        .describe('Exact host, or a pattern with {tenant} as its first label. Absent: any host.'),
      path: pathPattern,
      methods: z.array(method).min(1).optional().describe('Absent: every method.'),
    }),
    public: z
      .literal(true, { error: 'true, or no such key' })
      .optional()
      .describe('No credential is asked for, and no identity is forwarded.'),
    accept: accept.optional().describe('Alternatives: a kind, or a declared pair. Required unless public.'),
    require: z
      .strictObject({
        scopes: z.array(text).prefault([]).describe('All of these.'),
        anyRole: z.array(text).min(1).optional(),
        allRoles: z.array(text).prefault([]),
      })
      .prefault({}),
    tenant: z
      .strictObject({
        require: z
          .array(z.enum(['credential', 'host', 'path', 'field']))
          .prefault([])
          .describe('Sources that must be present.'),
        path: text.optional().describe('Name of a path parameter that names the tenant.'),
        field: fieldName.optional().describe("Client's field that names the tenant. It is never forwarded."),
      })
      .prefault({}),
    limits: z.strictObject({ body: size.optional() }).prefault({}),
    timeouts: timeoutsSchema.omit({ connect: true }).prefault({}),
    stripPrefix: pathPrefix
      .optional()
      .describe('Literal prefix that is taken from the path before it is forwarded.'),
    upstream: entryName,
  });
  return z.array(route).min(1);
}
