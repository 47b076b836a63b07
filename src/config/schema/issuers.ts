import { z } from 'zod';
import { VERIFICATION_ALGORITHMS } from '../../keys/algorithm.ts';
import { duration, entryName, type ReferenceScalars, tenantId, text } from './scalars.ts';

/** A claim by name, or by a path of names with dots: `realm_access.roles`. */
const claimPath = z
  .string()
  .regex(/^[^.\s]+(?:\.[^.\s]+)*$/, { error: 'a claim name, or names joined with dots' });

export function issuersSchema(scalars: ReferenceScalars) {
  const tenant = z.union([z.strictObject({ fixed: tenantId }), z.strictObject({ claim: claimPath })], {
    error: '{ fixed: TENANT } or { claim: NAME }',
  });
  const issuer = z.strictObject({
    issuer: scalars.url.describe('Exact value of `iss`.'),
    audience: z
      .union([text, z.array(text).min(1)])
      .transform((value) => (typeof value === 'string' ? [value] : value))
      .describe('Accepted values of `aud`; one of them must be there.'),
    keys: z
      .union(
        [z.literal('discover'), z.strictObject({ jwksUri: scalars.url }), z.strictObject({ jwksFile: text })],
        { error: 'discover, { jwksUri: URL } or { jwksFile: PATH }' },
      )
      .optional()
      .describe(
        'Where the keys of its JWTs are: discover (OpenID Connect or RFC 8414 metadata), a URL, or a file.',
      ),
    algorithms: z.array(z.enum(VERIFICATION_ALGORITHMS)).min(1).prefault(['ES256', 'RS256']),
    types: z
      .array(text)
      .min(1)
      .prefault(['at+jwt'])
      .describe('Accepted `typ`. With JWT in it, `distinguishing` is required.'),
    distinguishing: z
      .record(claimPath, z.union([z.string(), z.boolean(), z.number()]))
      .optional()
      .describe('Claims that only access tokens of this issuer have, with their values.'),
    introspection: z
      .strictObject({
        endpoint: scalars.url,
        clientId: text,
        clientSecret: scalars.secret,
        prefix: text
          .optional()
          .describe(
            'Only opaque tokens that begin with this are sent there. Required when several issuers introspect.',
          ),
        cache: duration
          .prefault('30s')
          .describe('How long an active answer may be reused; at most 30s, and never past exp.'),
      })
      .optional()
      .describe('RFC 7662, for opaque tokens of this issuer.'),
    tenant,
    claims: z
      .strictObject({
        subject: claimPath.prefault('sub'),
        client: claimPath.prefault('client_id'),
        roles: claimPath.prefault('roles'),
        scopes: claimPath.prefault('scope'),
        profile: z
          .record(entryName, claimPath)
          .prefault({})
          .describe('Names under {user.NAME}, each with the claim it comes from.'),
      })
      .prefault({}),
    clockTolerance: duration.prefault('5s'),
    cooldown: duration.prefault('30s').describe('Least time between two fetches of its keys.'),
    maxStale: duration.prefault('24h').describe('How long known keys are used while its endpoint is down.'),
    tls: z
      .strictObject({ ca: text })
      .optional()
      .describe('Certificate authority of its endpoints, PEM file.'),
  });
  return z.record(entryName, issuer).prefault({});
}
