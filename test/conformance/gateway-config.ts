import { hash } from 'node:crypto';
import type { ConfigObject } from '../support/gateway.ts';
import { type SigningKey, startIssuer, type TestIssuer } from '../support/issuer.ts';
import { usersConfig } from '../support/users-scene.ts';
import { MODE_NAMES } from './mode-names.ts';

export const CLIENT_SECRET = 'ghc_secret-of-erp-that-nobody-guesses';
/** A key of a tenant that is suspended. */
export const DORMANT_KEY = 'dormant-0123456789abcdefghijklmnopqrstuv';

export interface TokenIssuer extends TestIssuer {
  readonly signing: SigningKey;
}

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const issuer = await startIssuer();
  const signing = await issuer.newKey('ES256', 'k1');
  return Object.assign(issuer, { signing });
}

/** What both gateways have. Upstream and identity are those of the recipes. */
export function conformanceConfig(place: {
  readonly redisPort: number;
  readonly target: string;
  readonly issuer: string;
  readonly recipe: ConfigObject;
}): ConfigObject {
  const users = usersConfig(place.target);
  const { legacy } = users['login'] as { readonly legacy: ConfigObject };
  const { intercept: _intercept, keep: _keep, sessionLost: _lost, logout: _logout, ...login } = legacy;
  const recipe = (place.recipe['upstreams'] as { readonly legacy: ConfigObject }).legacy;
  const anyKind = ['apiKey', 'bearer', 'session'];
  const client = { tenants: 'any', login: 'legacy', scopes: ['orders:read'] };
  return {
    store: { redis: { url: `redis://127.0.0.1:${place.redisPort}`, commandTimeout: '1s' } },
    encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
    limits: { failedCredentials: '100000/s' },
    tenantHosts: ['{tenant}.gw.test'],
    tenants: {
      acme: { issuers: ['idp'], credentials: { legacyKey: 'acme-legacy-4711' } },
      globex: { issuers: ['idp'], credentials: { legacyKey: 'globex-legacy-0815' } },
      dormant: { status: 'suspended' },
    },
    issuers: {
      idp: {
        issuer: place.issuer,
        audience: 'api',
        keys: { jwksUri: `${place.issuer}/jwks` },
        tenant: { claim: 'tenants' },
      },
    },
    apiKeys: {
      pepper: 'a-pepper-of-at-least-thirty-two-bytes',
      keys: [
        { id: 'dormant', tenant: 'dormant', name: 'd', digest: `sha256:${hash('sha256', DORMANT_KEY)}` },
      ],
    },
    sessions: { absolute: '1h', ttl: '30m' },
    login: { legacy: { ...login, tenant: ['host', 'parameter'] } },
    clients: {
      'web-app': { ...client, public: true, browserSession: true },
      desktop: { ...client, public: true, grants: ['password', 'refresh_token'] },
      erp: {
        tenants: ['acme'],
        scopes: ['orders:read'],
        grants: ['client_credentials'],
        accessTokens: 'jwt',
        secretDigest: `sha256:${hash('sha256', CLIENT_SECRET)}`,
      },
    },
    upstreams: { legacy: { ...recipe, targets: [place.target], host: 'preserve' } },
    routes: [
      {
        id: 'orders',
        match: { path: '/api/orders/**', methods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] },
        accept: anyKind,
        upstream: 'legacy',
      },
      { id: 'any', match: { path: '/any/**' }, accept: anyKind, upstream: 'legacy' },
      { id: 'keys', match: { path: '/keys/**' }, accept: ['apiKey'], upstream: 'legacy' },
      {
        id: 'pair',
        match: { path: '/pair' },
        accept: ['apiKey+bearer', 'apiKey+session'],
        upstream: 'legacy',
      },
      {
        id: 'admin',
        match: { path: '/admin/**' },
        accept: anyKind,
        require: { scopes: ['admin'] },
        upstream: 'legacy',
      },
      {
        id: 'managers',
        match: { path: '/managers/**' },
        accept: anyKind,
        require: { anyRole: ['manager'] },
        upstream: 'legacy',
      },
      {
        id: 'by-path',
        match: { path: '/t/{tenant}/**' },
        accept: anyKind,
        tenant: { path: 'tenant' },
        upstream: 'legacy',
      },
      {
        id: 'by-field',
        match: { path: '/f/**' },
        accept: anyKind,
        tenant: { field: 'X-Tenant' },
        upstream: 'legacy',
      },
      {
        id: 'by-host',
        match: { path: '/h/**' },
        accept: anyKind,
        tenant: { require: ['host'] },
        upstream: 'legacy',
      },
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'legacy' },
      ...MODE_NAMES.map((mode) => ({
        id: `rare-${mode}`,
        match: { path: `/rare/${mode}` },
        public: true,
        limits: { total: '1/h' },
        upstream: 'legacy',
      })),
    ],
  };
}
