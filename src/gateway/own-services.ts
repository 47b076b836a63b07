import { type Authentication, createAuthentication } from '../authentication/authentication.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import { openClientDirectory } from '../clients/open-client-directory.ts';
import type { Settings } from '../config/schema/config.ts';
import type { LoginBridge } from '../login/login-bridge.ts';
import { createLoginBridges } from '../login/login-bridges.ts';
import { createBrowserSessions } from '../session-endpoints/browser-sessions.ts';
import { createInterceptedRoutes } from '../session-endpoints/intercepted-login.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import { createTokenService } from '../token-service/token-service.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { createOwnEndpoints, type OwnEndpoints } from './own-endpoints.ts';
import type { Shared } from './runtime.ts';

/** What one generation knows of users and clients, and offers to them itself. */
export interface OwnServices {
  readonly clients: ClientDirectory;
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly authentication: Authentication;
  readonly endpoints: OwnEndpoints;
  close(): Promise<void>;
}

/** Throws `StoreUnavailable`, or where the settings cannot work; nothing stays open then. */
export async function openOwnServices(
  settings: Settings,
  tenants: TenantDirectory,
  upstreams: ReadonlyMap<string, Upstream>,
  shared: Shared,
): Promise<OwnServices> {
  const { stores } = shared;
  const clients = await openClientDirectory({
    settings,
    store: stores.clients,
    changes: stores.changes,
    log: shared.log,
  });
  try {
    const parts = {
      ...stores,
      ...shared,
      settings,
      clients,
      tenants,
      upstreams,
      tenantsOfIssuer: (issuer: string) => tenants.tenantsOfIssuer(issuer),
    };
    const logins = createLoginBridges(parts);
    const authentication = createAuthentication(parts);
    const services = { ...parts, logins, authentication };
    const byPath = new Map([...createBrowserSessions(services), ...createTokenService(services)]);
    return {
      clients,
      logins,
      authentication,
      endpoints: createOwnEndpoints(byPath, createInterceptedRoutes(services)),
      async close() {
        clients.close();
        await authentication.close();
      },
    };
  } catch (error) {
    clients.close();
    throw error;
  }
}
