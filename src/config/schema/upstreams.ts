import { z } from 'zod';
import { SIGNING_ALGORITHMS } from '../../keys/algorithm.ts';
import { duration, entryName, fieldName, type ReferenceScalars, text } from './scalars.ts';

/** An absolute path that may be put before or taken from a request path: no trailing slash, nothing ambiguous. */
export const pathPrefix = z.string().regex(/^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/, {
  error: 'a path such as /api/v2, without a trailing slash',
});

export const timeoutsSchema = z.strictObject({
  connect: duration.optional().describe('Time to connect, TLS included. Upstream only; default 2s.'),
  headers: duration.optional().describe("Time from the request's end to the answer's head. Default 30s."),
  idle: duration.optional().describe("Longest pause within the answer's body. Default 60s; 0s: none."),
});

function identitySchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      fields: z
        .record(fieldName, text)
        .prefault({})
        .describe('Field name to template, e.g. X-Tenant-Id: "{tenant.id}". No value, no field.'),
      assertion: z
        .strictObject({
          field: fieldName.prefault('X-Gatehouse-Assertion'),
          algorithm: z.enum(SIGNING_ALGORITHMS).prefault('ES256'),
          ttl: duration.prefault('60s').describe('At most 60s.'),
          audience: text.optional().describe('`aud`. Default: the name of the upstream.'),
          profile: z.array(entryName).prefault([]).describe('Profile members to include.'),
          anonymous: z
            .boolean()
            .prefault(false)
            .describe('Also assert, without a subject, on public routes.'),
        })
        .optional(),
      signature: z
        .strictObject({
          algorithm: z.enum(['hmac-sha256', 'ed25519']),
          keys: z
            .array(z.strictObject({ id: text, secret: scalars.secret }))
            .min(1)
            .describe('The first one signs. hmac-sha256: at least 32 bytes; ed25519: a PKCS #8 PEM.'),
          ttl: duration.prefault('60s'),
        })
        .optional(),
    })
    .prefault({});
}

export function upstreamsSchema(scalars: ReferenceScalars) {
  const upstream = z.strictObject({
    targets: z.array(scalars.url).min(1),
    basePath: pathPrefix.optional().describe('Put before every path.'),
    tls: z
      .strictObject({
        ca: text.optional().describe('Certificate authority, PEM file. The certificate is always verified.'),
        cert: text.optional().describe('Client certificate, PEM file.'),
        key: text.optional().describe('Private key of the client certificate, PEM file.'),
        serverName: text.optional().describe('Name to verify instead of the host of the target.'),
      })
      .prefault({}),
    host: z
      .union([z.enum(['upstream', 'preserve']), z.strictObject({ fixed: text })], {
        error: 'upstream, preserve or { fixed: HOST }',
      })
      .prefault('upstream')
      .describe('Host field that the upstream sees.'),
    rewriteLocation: z
      .boolean()
      .prefault(true)
      .describe('Location answers that name the target itself are made to name the public host.'),
    connections: z.int().min(1).max(10_000).prefault(128).describe('Most connections per target.'),
    timeouts: timeoutsSchema.prefault({}),
    health: z
      .strictObject({
        path: text.optional().describe('GET this on every target; without it only passive checks.'),
        every: duration.prefault('5s'),
        timeout: duration.prefault('2s'),
        failures: z
          .int()
          .min(1)
          .prefault(3)
          .describe('Failed checks or requests in a row that take a target out.'),
        eject: duration
          .prefault('10s')
          .describe('How long a target that failed requests stays out before it is tried again.'),
      })
      .prefault({}),
    identity: identitySchema(scalars),
    credentials: z
      .strictObject({
        fields: z
          .record(fieldName, scalars.resolvedText)
          .prefault({})
          .describe('Static fields, or templates such as "{tenant.credentials.legacyKey}".'),
        basic: z.strictObject({ username: scalars.resolvedText, password: scalars.secret }).optional(),
        passThrough: z
          .boolean()
          .prefault(false)
          .describe("Also forward the client's own credential. Off unless the upstream must see it."),
      })
      .prefault({}),
  });
  return z.record(entryName, upstream);
}
