import { z } from 'zod';
import { apiKeysSchema } from './api-keys.ts';
import { clientsSchema } from './clients.ts';
import { issuersSchema } from './issuers.ts';
import {
  adminSchema,
  auditSchema,
  limitsSchema,
  listenersSchema,
  loggingSchema,
  shutdownSchema,
  trustedProxiesSchema,
} from './listeners.ts';
import { loginSchema } from './login.ts';
import { routesSchema } from './routes.ts';
import { duration, type ResolvePath, type ResolveReference, referenceScalars, text } from './scalars.ts';
import { sessionsSchema, tokensSchema } from './sessions.ts';
import { storeSchema } from './store.ts';
import { tenantsSchema } from './tenants.ts';
import { upstreamsSchema } from './upstreams.ts';
import { workersSchema } from './workers.ts';

/**
 * The one schema: validation, `gatehouse schema` and the configuration reference all come from it.
 * `resolve` resolves references in secrets and addresses; `resolvePath` makes paths of files that are read absolute.
 */
export function configSchema(resolve: ResolveReference, resolvePath: ResolvePath = (path) => path) {
  const scalars = referenceScalars(resolve, resolvePath);
  return z.strictObject({
    listen: listenersSchema(scalars),
    publicUrl: scalars.url
      .optional()
      .describe('How clients reach the gateway; `iss` of assertions. Never taken from a request.'),
    trustedProxies: trustedProxiesSchema,
    store: storeSchema(scalars),
    encryptionKeys: z
      .array(
        z.strictObject({
          id: text.describe('Name of the key, kept with what it sealed. Unique.'),
          key: scalars.secret.describe('32 bytes, as 64 hex digits or base64.'),
        }),
      )
      .prefault([])
      .describe(
        'Seal what is secret in the store; the first one seals, all open. Without any, the embedded store keeps one beside its file (mode 0600).',
      ),
    assertionKeys: z
      .strictObject({
        rotateEvery: duration.prefault('30d').describe('How often the keys of assertions rotate.'),
      })
      .prefault({})
      .describe('The keys that assertions are signed with.'),
    tenantHosts: z
      .array(text)
      .prefault([])
      .describe('Host patterns such as {tenant}.api.example.com that name a tenant on every route.'),
    tenants: tenantsSchema(scalars),
    issuers: issuersSchema(scalars),
    apiKeys: apiKeysSchema(scalars),
    clients: clientsSchema(),
    login: loginSchema(scalars),
    tokens: tokensSchema(),
    sessions: sessionsSchema(),
    upstreams: upstreamsSchema(scalars),
    routes: routesSchema(),
    limits: limitsSchema(),
    admin: adminSchema(scalars),
    audit: auditSchema(),
    logging: loggingSchema(),
    shutdown: shutdownSchema(),
    workers: workersSchema,
  });
}

/** A validated configuration: references resolved, durations in milliseconds, sizes in bytes. */
export type Settings = z.output<ReturnType<typeof configSchema>>;
export type TenantSettings = Settings['tenants'][string & keyof Settings['tenants']];
export type IssuerSettings = Settings['issuers'][string];
export type ClientSettings = Settings['clients'][string & keyof Settings['clients']];
export type LoginSettings = Settings['login'][string];
export type ApiKeySettings = Settings['apiKeys'];
export type UpstreamSettings = Settings['upstreams'][string];
export type RouteSettings = Settings['routes'][number];
export type IdentitySettings = UpstreamSettings['identity'];
