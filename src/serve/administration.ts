import { createSecretKey } from 'node:crypto';
import path from 'node:path';
import type { AdminApp, AdminContext } from '../admin/admin-context.ts';
import { createAdminListener } from '../admin/admin-listener.ts';
import { createAdminTokens, loadOrCreateAdminToken } from '../admin/admin-tokens.ts';
import { createKeyService } from '../api-keys/key-service.ts';
import { listConfiguredKeys } from '../authentication/configured-keys.ts';
import { readVersion } from '../base/version.ts';
import { createClientService } from '../clients/client-service.ts';
import { configuredClients } from '../clients/open-client-directory.ts';
import type { Settings } from '../config/schema/config.ts';
import { explain } from '../gateway/explain.ts';
import { createSessionAdministration } from '../sessions/session-administration.ts';
import type { TenantId } from '../tenants/tenant.ts';
import { configuredTenants } from '../tenants/tenant-directory.ts';
import { createTenantService } from '../tenants/tenant-service.ts';
import type { Foundation } from './foundation.ts';
import type { Generations } from './generations.ts';

/** The administration listener over the generation that serves, and over whatever processes do; not listening yet. */
export async function createAdministration(
  foundation: Foundation,
  generations: Generations,
  wholeGateway: Pick<AdminContext, 'status' | 'reload' | 'observations'>,
  settings: Settings,
): Promise<{ readonly app: AdminApp; readonly tokenFile: string | undefined }> {
  const { stores, clock, log, audit, keyring } = foundation;
  const serving = () => generations.current().settings;
  const isTenant = async (id: TenantId) => generations.current().tenants.find(id) !== undefined;
  const tokenFile =
    settings.admin.tokens.length > 0 || foundation.dataFolder === undefined
      ? undefined
      : path.join(foundation.dataFolder, 'admin-token');
  const tokens = tokenFile === undefined ? settings.admin.tokens : [await loadOrCreateAdminToken(tokenFile)];
  const app = createAdminListener({
    stores,
    keyService: createKeyService({
      apiKeys: stores.apiKeys,
      revocations: stores.revocations,
      configuredKeys: () => listConfiguredKeys(serving().apiKeys.keys),
      isTenant,
      pepper: () => {
        const { pepper } = serving().apiKeys;
        return pepper === undefined ? undefined : createSecretKey(pepper.reveal(), 'utf8');
      },
      clock,
    }),
    tenantService: createTenantService({
      tenants: stores.tenants,
      configured: () => configuredTenants(serving().tenants),
      issuers: () => Object.keys(serving().issuers),
      clock,
    }),
    sessions: createSessionAdministration({
      sessions: stores.sessions,
      revocations: stores.revocations,
      longestLife: () => longestLifeOfLogin(serving()),
      clock,
    }),
    clientService: createClientService({
      clients: stores.clients,
      revocations: stores.revocations,
      configured: () => configuredClients(serving()),
      logins: () => Object.keys(serving().login),
      accessTokenFormat: () => serving().tokens.format,
      isTenant,
      clock,
    }),
    keyring,
    logins: () => Object.keys(serving().login),
    issuers: () => Object.entries(serving().issuers).map(([name, { issuer }]) => ({ name, issuer })),
    ...wholeGateway,
    explain: (request) => explain(request, generations.current(), clock()),
    audit,
    tokens: createAdminTokens(tokens),
    version: readVersion(),
    log,
    clock,
  });
  return { app, tokenFile };
}

/** Of all that may be given out for a login; milliseconds. */
function longestLifeOfLogin({ sessions, tokens }: Settings): number {
  return Math.max(tokens.access, tokens.refresh.absolute, sessions.absolute, sessions.rememberMe ?? 0);
}
