/** What the issuer does and, as important, what it leaves off: no users, no browser flows, no default keys. */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { InvalidTarget } from 'oidc-provider/lib/helpers/errors.js';
import type { ClientMetadata, Configuration, ResourceServer } from 'oidc-provider/lib/provider.js';
import {
  AUDIENCE,
  INTROSPECTION_CLIENT,
  RESOURCES,
  SCOPE,
  TENANT_CLIENTS,
  type TokenFormat,
} from './clients.ts';
import { createTokenShelf } from './token-shelf.ts';

export const ROUTES = { introspection: '/token/introspection', jwks: '/jwks', token: '/token' } as const;

const TOKEN_SECONDS = 600;

function clientMetadata(): readonly ClientMetadata[] {
  const shared = { response_types: [], redirect_uris: [] };
  const tenants = Object.values(TENANT_CLIENTS).map((client) => ({
    ...shared,
    client_id: client.id,
    client_secret: client.secret,
    grant_types: ['client_credentials'],
    scope: SCOPE,
  }));
  const { id, secret } = INTROSPECTION_CLIENT;
  return [...tenants, { ...shared, client_id: id, client_secret: secret, grant_types: [] }];
}

function formatOf(resource: string): TokenFormat | undefined {
  if (resource === RESOURCES.jwt) return 'jwt';
  return resource === RESOURCES.opaque ? 'opaque' : undefined;
}

/** Any other resource is `invalid_target` (RFC 8707 §2): there is one API here. */
function resourceServer(resource: string): ResourceServer {
  const accessTokenFormat = formatOf(resource);
  if (accessTokenFormat === undefined) throw new InvalidTarget();
  return { audience: AUDIENCE, scope: SCOPE, accessTokenFormat, jwt: { sign: { alg: 'ES256' } } };
}

/** A new ES256 key and cookie key for each start: nobody can have the key of an earlier one. */
export function issuerConfiguration(): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    adapter: createTokenShelf,
    clients: clientMetadata(),
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientBasedCORS: () => false,
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    extraTokenClaims: (_context, token) =>
      Object.values(TENANT_CLIENTS).find((client) => client.id === token.clientId)?.claims,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: {
        enabled: true,
        allowedPolicy: (_context, client) => client.clientId === INTROSPECTION_CLIENT.id,
      },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => resourceServer(resource),
      },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
    renderError: (context, error) => {
      context.type = 'application/json';
      context.body = error;
    },
    responseTypes: [],
    routes: ROUTES,
    scopes: SCOPE.split(' '),
    ttl: { ClientCredentials: TOKEN_SECONDS },
  };
}
