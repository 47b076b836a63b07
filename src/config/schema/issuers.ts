import { z } from 'zod';
import { VERIFICATION_ALGORITHMS } from '../../keys/algorithm.ts';
import { duration, entryName, patternText, type ReferenceScalars, tenantId, text } from './scalars.ts';

/** A claim by name, or by a path of names with dots: `realm_access.roles`. */
const claimPath = patternText(
  /^[^.\s]+(?:\.[^.\s]+)*$/,
  'a claim name, or names joined with dots',
  'claim path',
);

function keysSchema(scalars: ReferenceScalars) {
  return z
    .union(
      [
        z.literal('discover'),
        z.strictObject({ jwksUri: scalars.url.describe('Where the JWKS is fetched.') }),
        z.strictObject({
          jwksFile: scalars.filePath.describe('A JWKS file. Reloaded when it changes.'),
        }),
      ],
      { error: 'discover, { jwksUri: URL } or { jwksFile: PATH }' },
    )
    .optional()
    .describe(
      'Where the keys of its JWTs are: discover (OpenID Connect or RFC 8414 metadata), a URL, or a file. Required without `introspection`.',
    );
}

function introspectionSchema(scalars: ReferenceScalars) {
  return z
    .strictObject({
      endpoint: scalars.url.describe('Introspection endpoint.'),
      clientId: text.describe('Client id of the gateway at the issuer, sent by HTTP Basic.'),
      clientSecret: scalars.secret.describe('Client secret of the gateway at the issuer.'),
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
    .describe('RFC 7662, for opaque tokens of this issuer.');
}

function claimsSchema() {
  return z
    .strictObject({
      subject: claimPath.prefault('sub').describe('Claim with the id of the user.'),
      client: claimPath.prefault('client_id').describe('Claim with the id of the client.'),
      roles: claimPath.prefault('roles').describe('Claim with the roles: a list, or text with spaces.'),
      scopes: claimPath.prefault('scope').describe('Claim with the scopes: a list, or text with spaces.'),
      profile: z
        .record(entryName, claimPath.describe('The claim of this member.'))
        .prefault({})
        .describe('Names under {user.NAME}, each with the claim it comes from.'),
    })
    .prefault({})
    .describe('Which claims say what.');
}

export function issuersSchema(scalars: ReferenceScalars) {
  const tenant = z
    .union(
      [
        z.strictObject({ fixed: tenantId.describe('Every token of the issuer is for this tenant.') }),
        z.strictObject({
          claim: claimPath.describe('Claim that names the tenant, of those that list the issuer.'),
        }),
      ],
      { error: '{ fixed: TENANT } or { claim: NAME }' },
    )
    .describe('The tenant of its tokens. Only tenants that list the issuer count.');
  const issuer = z
    .strictObject({
      issuer: scalars.url.describe('Exact value of `iss`.'),
      audience: z
        .union([text, z.array(text).min(1)], { error: 'text, or a list of texts' })
        .transform((value) => (typeof value === 'string' ? [value] : value))
        .describe('Accepted values of `aud`; one of them must be there.'),
      keys: keysSchema(scalars),
      algorithms: z
        .array(z.enum(VERIFICATION_ALGORITHMS))
        .min(1)
        .prefault(['ES256', 'RS256'])
        .describe('Algorithms that its tokens may be signed with.'),
      types: z
        .array(text)
        .min(1)
        .prefault(['at+jwt'])
        .describe('Accepted `typ`. With JWT in it, `distinguishing` is required.'),
      distinguishing: z
        .record(
          claimPath,
          z
            .union([z.string(), z.boolean(), z.number()], { error: 'text, a number, true or false' })
            .describe('The value that the claim must have.'),
        )
        .optional()
        .describe('Claims that only access tokens of this issuer have, with their values.'),
      introspection: introspectionSchema(scalars),
      tenant,
      claims: claimsSchema(),
      clockTolerance: duration.prefault('5s').describe("How far the issuer's clock may be off; at most 5m."),
      cooldown: duration.prefault('30s').describe('Least time between two fetches of its keys.'),
      maxStale: duration.prefault('24h').describe('How long known keys are used while its endpoint is down.'),
      tls: z
        .strictObject({ ca: scalars.filePath.describe('Certificate authority, PEM file.') })
        .optional()
        .describe('TLS towards its endpoints. The certificate is always verified.'),
    })
    .describe('One issuer, under the name that tenants list.');
  return z.record(entryName, issuer).prefault({}).describe('Who else may issue bearer tokens.');
}
