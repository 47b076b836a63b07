import { z } from 'zod';
import { type ClientId, GRANT_TYPES, parseClientId } from '../../clients/client.ts';
import { entryName, parsedText, tenantId, text, webOrigin } from './scalars.ts';

const clientId = parsedText<ClientId>(
  'a client id of letters, digits, ., _ and -, at most 64 characters',
  parseClientId,
  { title: 'client id', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
);

const secretDigest = parsedText(
  'sha256: and 64 lower-case hex digits',
  (value) => /^sha256:([0-9a-f]{64})$/.exec(value)?.[1],
  {
    title: 'digest',
    // A plain secret pasted here by mistake must not be printed.
    writeOnly: true,
    pattern: '^sha256:[0-9a-f]{64}$',
  },
);

export function clientSchema() {
  return z.strictObject({
    name: text.optional().describe('For people. Default: the id.'),
    public: z
      .literal(true, { error: 'true, or no such key' })
      .optional()
      .describe(
        'It cannot keep a secret, since its code or its device is in the hands of its users (RFC 6749 §2.1).',
      ),
    secretDigest: secretDigest
      .optional()
      .describe('sha256:HEX of its secret. Required unless `public`; `gatehouse clients secret` makes both.'),
    grants: z
      .array(z.enum(GRANT_TYPES))
      .prefault([])
      .describe(
        'Grants that it may use at /oauth/token. `password` is for old programs only (RFC 9700 §2.4).',
      ),
    scopes: z
      .array(text)
      .prefault([])
      .describe('Scopes that its tokens and sessions may have (RFC 6749 §3.3: no spaces in one).'),
    tenants: z
      .union([z.literal('any'), z.array(tenantId).min(1)], { error: 'any, or a list of tenant ids' })
      .describe(
        'Tenants that it may act for. `any`: whichever its users log in to, or a `client_credentials` request names by its host or its `tenant`.',
      ),
    login: entryName
      .optional()
      .describe('Login block by which its users log in. Required for `password` and `browserSession`.'),
    browserSession: z.boolean().prefault(false).describe('It may begin browser sessions by POST /session.'),
    origins: z
      .array(webOrigin)
      .prefault([])
      .describe('Other origins whose pages are this client. Pages of the gateway itself need no entry.'),
    accessTokens: z
      .enum(['opaque', 'jwt'])
      .optional()
      .describe(
        'Form of its access tokens; jwt: RFC 9068, for others who verify them. Default: `tokens.format`.',
      ),
  });
}

export function clientsSchema() {
  return z
    .record(clientId, clientSchema().describe('One client, under its id.'))
    .prefault({})
    .describe('OAuth clients kept in the configuration. Further ones live in the store.');
}
