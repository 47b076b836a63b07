import { ADMIN_TOKEN, type PreparedCredentials, TENANTS } from './credentials.ts';

/** Milliseconds after which what does not come is given up; short, since many cases leave something out. */
export const PATIENCE_MS = 150;

/** Configuration of the attacked gateway: every listener, every kind of route and of credential that can be had without a network. */
export function fuzzConfig(
  credentials: PreparedCredentials,
  origins: { readonly sound: string; readonly hostile: string },
): Readonly<Record<string, unknown>> {
  const identity = { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}' }, assertion: {} };
  const accept = ['apiKey', 'bearer', 'session', 'apiKey+bearer'];
  return {
    listen: {
      public: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      ops: '127.0.0.1:0',
      forwardAuth: { address: '127.0.0.1:0', peers: ['127.0.0.1/32'] },
    },
    publicUrl: 'https://gw.test',
    store: { embedded: { path: ':memory:' } },
    admin: { tokens: [{ name: 'fuzz', token: ADMIN_TOKEN, role: 'admin' }] },
    logging: { level: 'trace', requests: 'all' },
    limits: {
      failedCredentials: '100000000/s',
      headerTimeout: `${PATIENCE_MS}ms`,
      bodyIdle: `${PATIENCE_MS}ms`,
      keepAlive: '1s',
    },
    shutdown: { drain: '1s' },
    tenantHosts: ['{tenant}.gw.test'],
    tenants: Object.fromEntries(TENANTS.map((tenant) => [tenant, { issuers: ['login'] }])),
    apiKeys: credentials.apiKeys,
    issuers: credentials.issuers,
    clients: credentials.clients,
    login: {
      legacy: {
        upstream: 'sound',
        tenant: ['host'],
        request: { path: '/login', json: { user: '{username}', password: '{password}' } },
        success: { status: 200, present: '/user/id' },
        user: { id: '/user/id' },
        keep: { cookies: ['kept'] },
      },
    },
    upstreams: {
      sound: { targets: [origins.sound], identity },
      hostile: {
        targets: [origins.hostile],
        identity,
        timeouts: { headers: `${PATIENCE_MS}ms`, idle: `${PATIENCE_MS}ms` },
      },
    },
    routes: [
      { id: 'public', match: { path: '/public/**' }, public: true, upstream: 'sound' },
      { id: 'api', match: { path: '/api/**' }, accept, upstream: 'sound' },
      { id: 'hostile', match: { path: '/hostile/**' }, accept, upstream: 'hostile' },
    ],
  };
}
