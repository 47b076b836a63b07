import { hash } from 'node:crypto';
import type { ConfigObject } from './gateway.ts';
import { LEGACY_KEYS, usersConfig } from './users-scene.ts';

/** Shaped as a real one. */
export const secretOf = (client: string): string => `ghc_${hash('sha256', client).slice(0, 43)}`;

/** Authenticates a client by `client_secret_basic`. */
export function basic(client: string, secret = secretOf(client)): string {
  const pair = `${encodeURIComponent(client)}:${encodeURIComponent(secret)}`;
  return `Authorization: Basic ${Buffer.from(pair).toString('base64')}`;
}

function confidential(id: string, members: ConfigObject): ConfigObject {
  return { [id]: { secretDigest: `sha256:${hash('sha256', secretOf(id))}`, ...members } };
}

/** Changes of the scene of users: clients of every kind, logins that share memberships or switch, and routes for pages and WebSockets. */
export function clientsUnderAttack(origin: string): ConfigObject {
  const base = usersConfig(origin);
  const { legacy } = base['login'] as { readonly legacy: ConfigObject };
  const { intercept: _, keep, ...login } = legacy;
  const users = { tenants: 'any', login: 'legacy', scopes: ['orders:read', 'orders:write'] };
  const both = ['password', 'refresh_token'];
  const shared = {
    ...login,
    tenant: ['host', 'parameter'],
    membershipAuthority: 'shared',
    user: { ...(legacy['user'] as ConfigObject), tenants: '/user/companies' },
  };
  return {
    limits: { failedCredentials: '100000/s' },
    sessions: {
      rememberMe: '30d',
      absolute: '2h',
      perUser: 10_000,
      failedLogins: { perUser: '10/h', perPeer: '10000/h' },
    },
    clients: {
      ...(base['clients'] as ConfigObject),
      desktop: { ...users, public: true, grants: both },
      phone: { ...users, public: true, grants: both, origins: ['https://phone.example.com'] },
      'other-app': {
        ...users,
        public: true,
        browserSession: true,
        origins: ['https://other.example.com'],
      },
      'team-app': { ...users, public: true, browserSession: true, login: 'team' },
      'switching-app': { ...users, public: true, browserSession: true, login: 'switching' },
      'acme-app': { ...users, public: true, browserSession: true, grants: both, tenants: ['acme'] },
      ...confidential('old-erp', { ...users, grants: both }),
      ...confidential('erp', { tenants: ['acme'], scopes: ['orders:read'], grants: ['client_credentials'] }),
      ...confidential('jwt-erp', {
        tenants: ['acme'],
        scopes: ['orders:read'],
        grants: ['client_credentials'],
        accessTokens: 'jwt',
      }),
      ...confidential('api-acme', { tenants: ['acme'] }),
      ...confidential('api-globex', { tenants: ['globex'] }),
    },
    login: {
      legacy,
      team: shared,
      switching: { ...shared, keep, switchTenant: { request: 'POST /api/switch' } },
    },
    upstreams: {
      legacy: {
        targets: [origin],
        identity: {
          fields: {
            'X-Tenant-Id': '{tenant.id}',
            'X-User-Id': '{user.id}',
            'X-User-Roles': '{roles}',
            'X-Subject': '{subject}',
            'X-Scopes': '{scopes}',
            'X-Department': '{user.department}',
            'X-Constructor': '{user.constructor}',
          },
        },
        credentials: { fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' }, cookies: 'fromLogin' },
      },
    },
    routes: [
      ...(base['routes'] as readonly ConfigObject[]),
      {
        id: 'pages',
        match: { path: '/pages/**' },
        accept: ['session', 'bearer'],
        cors: { origins: ['https://app.example.com'], credentials: true, allowFields: ['Gatehouse-CSRF'] },
        upstream: 'legacy',
      },
      {
        id: 'live',
        match: { path: '/live/**' },
        accept: ['session', 'ticket'],
        websocket: { origins: ['https://app.example.com'] },
        upstream: 'legacy',
      },
      {
        id: 'writers',
        match: { path: '/writers/**' },
        accept: ['session', 'bearer', 'ticket'],
        require: { scopes: ['orders:write'] },
        upstream: 'legacy',
      },
      { id: 'keys', match: { path: '/keys/**' }, accept: ['apiKey', 'bearer'], upstream: 'legacy' },
    ],
    tenants: {
      acme: { credentials: { legacyKey: LEGACY_KEYS.acme } },
      globex: { credentials: { legacyKey: LEGACY_KEYS.globex } },
    },
  };
}
