import pino from 'pino';
import { createAuthentication } from '../../src/authentication/authentication.ts';
import { openClientDirectory } from '../../src/clients/open-client-directory.ts';
import type { Settings } from '../../src/config/schema/config.ts';
import { createLoginBridges } from '../../src/login/login-bridges.ts';
import { createRevocationList } from '../../src/revocation/revocation-list.ts';
import { openTenantDirectory } from '../../src/tenants/tenant-directory.ts';
import { createPoolRegistry } from '../../src/upstream/pool-registry.ts';
import { createUpstreams } from '../../src/upstream/upstreams.ts';
import type { SessionScene } from '../sessions/scene.ts';
import { createRecordedMetrics } from '../support/recorded-metrics.ts';

/** What endpoints of sessions stand on in the gateway, over the first store of a suite, with its clock. */
export async function openServices(scene: SessionScene, settings: Settings) {
  const [stores] = scene.stores;
  if (stores === undefined) throw new Error('no store');
  const log = pino({ level: 'silent' });
  const metrics = createRecordedMetrics();
  const clock = () => scene.clock;
  const { changes, tokens } = stores;
  const sessions = scene.service;
  const clients = await openClientDirectory({ settings, store: stores.clients, changes, log });
  const tenants = await openTenantDirectory({ settings, store: stores.tenants, changes, log });
  const revocations = await createRevocationList({ revocations: stores.revocations, changes, clock, log });
  const pools = createPoolRegistry({ log, metrics });
  const upstreams = createUpstreams(settings.upstreams, settings.tenants, { pools, metrics, clock });
  const authentication = createAuthentication({
    settings,
    sessions,
    tokens,
    clients,
    keyring: { verificationKeys: () => [] },
    apiKeys: stores.apiKeys,
    changes,
    tenantsOfIssuer: () => new Set(),
    clock,
    log,
    metrics,
  });
  const logins = createLoginBridges({
    settings,
    upstreams: upstreams.byName,
    attempts: stores.attempts,
    clock,
    log,
  });
  return {
    stores,
    sessions,
    tokens,
    clients,
    tenants,
    revocations,
    authentication,
    logins,
    clock,
    async close() {
      await authentication.close();
      clients.close();
      tenants.close();
      revocations.close();
      upstreams.release();
      await pools.close(0);
    },
  };
}
