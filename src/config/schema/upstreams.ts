import { z } from 'zod';
import { SIGNING_ALGORITHMS } from '../../keys/algorithm.ts';
import {
  duration,
  entryName,
  fieldName,
  integer,
  patternText,
  type ReferenceScalars,
  text,
} from './scalars.ts';

/** An absolute path that may be put before or taken from a request path: no trailing slash, nothing ambiguous. */
export const pathPrefix = patternText(
  /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+$/,
  'a path such as /api/v2, without a trailing slash',
  'path',
);

const requestPath = patternText(
  /^\/(?!\/)[\x21\x22\x24-\x5B\x5D-\x7E]*$/,
  'a path such as /health, with a query if need be',
  'path',
);

export const timeoutsSchema = z.strictObject({
  connect: duration
    .optional()
    .describe('Time to connect, TLS included. Upstream only, not per route. Default: 2s.'),
  headers: duration.optional().describe("Time from the request's end to the answer's head. Default: 30s."),
  idle: duration.optional().describe("Longest pause within the answer's body. Default: 60s; 0s: no limit."),
});

function assertionSchema() {
  return z
    .strictObject({
      field: fieldName.prefault('X-Gatehouse-Assertion').describe('Field that carries the assertion.'),
      algorithm: z
        .enum(SIGNING_ALGORITHMS)
        .prefault('ES256')
        .describe('Signature algorithm. The keys are made and rotated by the gateway.'),
      ttl: duration
        .prefault('60s')
        .describe("Life of an assertion; at most 60s, and never past the credential's own end."),
      audience: text.optional().describe('`aud`. Default: the name of the upstream.'),
      profile: z.array(entryName).prefault([]).describe('Profile members to include.'),
      anonymous: z.boolean().prefault(false).describe('Also assert, without a subject, on public routes.'),
    })
    .optional()
    .describe(
      'A signed JWS about who acts, for which tenant. Its public keys are at /.well-known/jwks.json.',
    );
}

function signatureSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      algorithm: z
        .enum(['hmac-sha256', 'ed25519'])
        .describe('hmac-sha256 with a shared secret, or ed25519 with a key pair.'),
      keys: z
        .array(
          z.strictObject({
            id: text.describe('`keyid` that the upstream knows the key by. Unique.'),
            secret: scalars.secret.describe('hmac-sha256: at least 32 bytes; ed25519: a PKCS #8 PEM.'),
          }),
        )
        .min(1)
        .describe('The first one signs; the others are there for a rotation.'),
      ttl: duration.prefault('60s').describe('Life of a signature; at most 5m.'),
    })
    .optional()
    .describe(
      'RFC 9421 signature that binds the identity fields to this request. The body is bound only if the client sends a Content-Digest.',
    );
}

function identitySchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      fields: z
        .record(fieldName, text.describe('Template of the value.'))
        .prefault({})
        .describe('Field name to template, e.g. X-Tenant-Id: "{tenant.id}". No value, no field.'),
      assertion: assertionSchema(),
      signature: signatureSchema(scalars),
    })
    .prefault({})
    .describe('How the upstream learns who acts, for which tenant. Any combination.');
}

function tlsSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      ca: scalars.filePath
        .optional()
        .describe('Certificate authority, PEM file. Default: those of the system.'),
      cert: scalars.filePath.optional().describe('Client certificate, PEM file. Needs `key`.'),
      key: scalars.filePath
        .optional()
        .describe('Private key of the client certificate, PEM file. Needs `cert`.'),
      serverName: text.optional().describe('Name to verify instead of the host of the target.'),
    })
    .prefault({})
    .describe('TLS towards the targets. The certificate is always verified.');
}

function healthSchema() {
  return z
    .strictObject({
      path: requestPath.optional().describe('GET this on every target; without it only passive checks.'),
      every: duration.prefault('5s').describe('Time between two checks of a target.'),
      timeout: duration.prefault('2s').describe('Time for a check to be answered.'),
      failures: integer(1, 1000)
        .prefault(3)
        .describe('Failed checks or requests in a row that take a target out.'),
      eject: duration
        .prefault('10s')
        .describe('How long a target that failed requests stays out before it is tried again.'),
    })
    .prefault({})
    .describe('When a target counts as down.');
}

function credentialsSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      fields: z
        .record(fieldName, scalars.resolvedText.describe('Value or template.'))
        .prefault({})
        .describe('Static fields, or templates such as "{tenant.credentials.legacyKey}".'),
      basic: z
        .strictObject({
          username: scalars.resolvedText.describe('User name.'),
          password: scalars.secret.describe('Password.'),
        })
        .optional()
        .describe('HTTP Basic, RFC 7617.'),
      cookies: z
        .literal('fromLogin', { error: 'fromLogin, or no such key' })
        .optional()
        .describe(
          'Requests of a session carry the cookies and fields that its login kept. For the upstream of that login.',
        ),
      passThrough: z
        .boolean()
        .prefault(false)
        .describe("Also forward the client's own credential. Off unless the upstream must see it."),
    })
    .prefault({})
    .describe('What the upstream itself wants to see, whoever acts.');
}

export function upstreamsSchema(scalars: ReferenceScalars) {
  const upstream = z
    .strictObject({
      targets: z
        .array(scalars.url)
        .min(1)
        .describe('Where it runs: http:// or https:// origins, with a path only if there is no `basePath`.'),
      basePath: pathPrefix.optional().describe('Put before every path.'),
      tls: tlsSchema(scalars),
      host: z
        .union(
          [
            z.enum(['upstream', 'preserve']),
            z.strictObject({ fixed: text.describe('Host, with a port if need be.') }),
          ],
          { error: 'upstream, preserve or { fixed: HOST }' },
        )
        .prefault('upstream')
        .describe(
          'Host field that it sees: that of the target (upstream), that of the client (preserve), or a fixed one.',
        ),
      rewriteLocation: z
        .boolean()
        .prefault(true)
        .describe('Location answers that name the target itself are made to name the public host.'),
      connections: integer(1, 10_000).prefault(128).describe('Most connections per target.'),
      queue: integer(0, 100_000)
        .prefault(1024)
        .describe('Most requests that wait for a connection, per target; more are answered 503 at once.'),
      timeouts: timeoutsSchema.prefault({}).describe('How long it may take. A route may override.'),
      health: healthSchema(),
      identity: identitySchema(scalars),
      credentials: credentialsSchema(scalars),
    })
    .describe('One upstream, under the name that routes use.');
  return z.record(entryName, upstream).describe('The services behind the gateway.');
}
