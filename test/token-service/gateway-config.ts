import type { ConfigObject } from '../support/gateway.ts';
import { clientSettings } from './replica.ts';

/** A gateway before the legacy API of the demo: its logins, the clients of the scene, and a route for bearer tokens. */
export function tokenGatewayConfig(legacyUrl: string): ConfigObject {
  const legacyKey = '{tenant.credentials.legacyKey}';
  return {
    tenants: {
      acme: { hosts: ['acme.gw.test'], credentials: { legacyKey: 'acme-legacy-4711' } },
      globex: { hosts: ['globex.gw.test'], credentials: { legacyKey: 'globex-legacy-0815' } },
    },
    clients: clientSettings(),
    login: {
      legacy: {
        upstream: 'legacy',
        request: {
          path: '/api/login',
          json: { user: '{username}', password: '{password}', company: '{tenant.id}' },
          fields: { 'X-Api-Key': legacyKey },
        },
        user: { id: '/user/id', name: '/user/name', roles: '/user/roles' },
        keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
      },
    },
    upstreams: {
      legacy: {
        targets: [legacyUrl],
        credentials: { cookies: 'fromLogin', fields: { 'X-Api-Key': legacyKey } },
      },
    },
    routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['bearer'], upstream: 'legacy' }],
  };
}
