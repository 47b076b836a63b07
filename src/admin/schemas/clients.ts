import { z } from 'zod';
import { GRANT_TYPES } from '../../clients/client.ts';
import { clientId, duration, line, scopeToken, tenantId, time } from './scalars.ts';

const grants = z.array(z.enum(GRANT_TYPES)).max(10);
const scopes = z.array(scopeToken).max(200);
const tenants = z
  .union([z.literal('any'), z.array(tenantId).min(1).max(1000)], { error: 'expected any, or tenant ids' })
  .describe('Tenants that it may act for. `any`: whichever its users log in to.');
const login = line.describe('Login block by which its users log in; for `password` and `browserSession`.');
const browserSession = z.boolean().describe('It may begin browser sessions by POST /session.');
const origins = z
  .array(z.string().max(300))
  .max(100)
  .describe('Other origins whose pages are this client. Pages of the gateway itself need no entry.');
const accessTokenFormat = z
  .enum(['opaque', 'jwt'])
  .describe('Form of its access tokens. Absent at its creation: `tokens.format` of the configuration.');

export const createClientBody = z.strictObject({
  id: clientId,
  name: line.optional().describe('For people. Absent: the id.'),
  isPublic: z.boolean().default(false).describe('It cannot keep a secret (RFC 6749 §2.1), and gets none.'),
  grants: grants.default([]),
  scopes: scopes.default([]),
  tenants,
  login: login.optional(),
  browserSession: browserSession.default(false),
  origins: origins.default([]),
  accessTokenFormat: accessTokenFormat.optional(),
});

/** An absent member stays as it is; a list replaces the old one. */
export const changeClientBody = z.strictObject({
  name: line.optional(),
  grants: grants.optional(),
  scopes: scopes.optional(),
  tenants: tenants.optional(),
  login: login.nullable().optional().describe('null: none any more.'),
  browserSession: browserSession.optional(),
  origins: origins.optional(),
  accessTokenFormat: accessTokenFormat.optional(),
});

export const rotateClientSecretBody = z.strictObject({
  overlap: duration.describe('How long the secrets that it has are still accepted.'),
});

export const clientParams = z.strictObject({ id: clientId });

const text = z.string();
const texts = z.array(text).readonly();
const clientMembers = {
  id: text,
  name: text,
  origin: z.enum(['configured', 'stored']),
  isInEffect: z.boolean().describe('False: the configuration has this id too, and counts.'),
  isPublic: z.boolean(),
  secrets: z
    .array(z.object({ expiresAt: time.exactOptional() }))
    .readonly()
    .describe('One for each secret that it has, several while one is rotated.'),
  grants: z.array(z.enum(GRANT_TYPES)).readonly(),
  scopes: texts,
  tenants: z.union([z.literal('any'), texts]),
  login: text.exactOptional(),
  browserSession: z.boolean(),
  origins: texts,
  accessTokenFormat: z.enum(['opaque', 'jwt']),
  createdAt: time.exactOptional(),
  revision: z.int().exactOptional(),
};
const shownOnce = z.string().describe('The secret itself, shown this once.');

export const clientView = z.object(clientMembers).meta({ id: 'Client' });
export const clientsView = z.object({ clients: z.array(clientView).readonly() });
export const newClientView = z
  .object({ ...clientMembers, secret: shownOnce.exactOptional().describe('Absent: it is public.') })
  .meta({ id: 'NewClient' });
export const newSecretView = z
  .object({ ...clientMembers, secret: shownOnce })
  .meta({ id: 'NewClientSecret' });

export type ClientView = z.output<typeof clientView>;
export type NewClientView = z.output<typeof newClientView>;
export type NewClientSecretView = z.output<typeof newSecretView>;
