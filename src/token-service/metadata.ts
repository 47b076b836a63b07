import { GRANT_TYPES } from '../clients/client.ts';
import type { Settings } from '../config/schema/config.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { Json } from '../principals/principal.ts';

const SERVER = '/.well-known/oauth-authorization-server';
const RESOURCE = '/.well-known/oauth-protected-resource';
const JWKS = '/.well-known/jwks.json';
/** Public and the same for everybody; any page may read it. */
const FIELDS = [
  'Content-Type',
  'application/json',
  'X-Content-Type-Options',
  'nosniff',
  'Cache-Control',
  'public, max-age=300',
  'Access-Control-Allow-Origin',
  '*',
] as const;

const SECRET_METHODS = ['client_secret_basic', 'client_secret_post'] as const;

/**
 * Metadata of the authorization server (RFC 8414) and of the resources behind the gateway (RFC 9728). The issuer is `publicUrl`, letter by
 * letter, whatever host a request came to; where it has a path, the documents are under that path too (RFC 8414 §3.1).
 */
export function createMetadata(
  settings: Pick<Settings, 'tokens' | 'login' | 'issuers'>,
  issuer: string,
): ReadonlyMap<string, Endpoint> {
  const base = issuer.replace(/\/+$/, '');
  const service = `${base}${settings.tokens.path}`;
  const hasLogins = Object.keys(settings.login).length > 0;
  const server = documentEndpoint('oauth-server-metadata', {
    issuer,
    token_endpoint: `${service}/token`,
    token_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    revocation_endpoint: `${service}/revoke`,
    revocation_endpoint_auth_methods_supported: [...SECRET_METHODS, 'none'],
    introspection_endpoint: `${service}/introspect`,
    introspection_endpoint_auth_methods_supported: [...SECRET_METHODS],
    jwks_uri: `${base}${JWKS}`,
    grant_types_supported: hasLogins ? [...GRANT_TYPES] : ['client_credentials'],
    // Required by RFC 8414 §2; there is no authorization endpoint.
    response_types_supported: [],
  });
  const resource = documentEndpoint('oauth-resource-metadata', {
    resource: issuer,
    authorization_servers: [issuer, ...Object.values(settings.issuers).map((other) => other.issuer)],
    bearer_methods_supported: ['header'],
  });
  const path = new URL(base).pathname.replace(/\/$/, '');
  return new Map([
    [SERVER, server],
    [RESOURCE, resource],
    [SERVER + path, server],
    [RESOURCE + path, resource],
  ]);
}

function documentEndpoint(id: string, document: { readonly [name: string]: Json }): Endpoint {
  const body = JSON.stringify(document);
  return {
    id,
    methods: ['GET'],
    bodyLimit: 0,
    answer: async () => ({
      status: 200,
      fields: FIELDS,
      body,
      record: { decision: 'admitted', code: 'admitted' },
    }),
  };
}
