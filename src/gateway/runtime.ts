import type { BlockList } from 'node:net';
import type { Logger } from 'pino';
import type { IdentityWriter } from '../assertion/identity.ts';
import { createIdentityWriter } from '../assertion/identity-writer.ts';
import { type Authentication, createAuthentication } from '../authentication/authentication.ts';
import type { FailureBudget } from '../authentication/failure-budget.ts';
import type { Clock } from '../base/clock.ts';
import type { RouteSettings, Settings, UpstreamSettings } from '../config/schema/config.ts';
import { blockListOf } from '../config/schema/scalars.ts';
import { type Authority, createAuthorityReader } from '../http/host.ts';
import { createFieldReader, type FieldReader } from '../http/received-fields.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import { compileRoutes, type Route } from '../routing/route.ts';
import { createRouter, type Router } from '../routing/router.ts';
import type { Stores } from '../stores/stores.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { openTenantDirectory, type TenantDirectory } from '../tenants/tenant-directory.ts';
import type { PoolRegistry } from '../upstream/pool-registry.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { createUpstreams } from '../upstream/upstreams.ts';
import { createOwnEndpoints, type OwnEndpoints } from './own-endpoints.ts';

/** How requests are sent to one upstream. */
export interface Forwarding {
  readonly upstream: Upstream;
  readonly identity: IdentityWriter;
  readonly host: UpstreamSettings['host'];
  readonly basePath: string;
  readonly passesCredential: boolean;
  /** Value of Vary for answers to whoever was identified: the fields that a credential may come in. */
  readonly variesBy: string;
}

/** One generation of the configuration, compiled. Immutable; a request uses the one it began with to its end. */
export interface Runtime {
  readonly revision: string;
  readonly settings: Settings;
  readonly readAuthority: (host: string) => Authority | undefined;
  readonly router: Router<Route>;
  readonly tenants: TenantDirectory;
  readonly authentication: Authentication;
  readonly revocations: RevocationList;
  /** Milliseconds that the revocation list may be behind before nothing that it could forbid is admitted. */
  readonly maxLag: number;
  readonly failureBudget: FailureBudget;
  readonly fieldReader: FieldReader;
  readonly endpoints: OwnEndpoints;
  readonly forwardings: ReadonlyMap<string, Forwarding>;
  readonly refusalTemplates: ReadonlyMap<string, RefusalTemplate>;
  readonly limits: Settings['limits'];
  /** Undefined: nobody is trusted. */
  readonly trustedProxies: BlockList | undefined;
  /** A request begins to use it, or is done with it. */
  acquire(): void;
  release(): void;
  /** No new request will begin; what it holds is let go of when the last one is done. */
  retire(): void;
}

export type RefusalTemplate = NonNullable<RouteSettings['refusal']>;

/** What outlives a configuration. */
export interface Shared {
  readonly stores: Stores;
  readonly keyring: Keyring;
  readonly pools: PoolRegistry;
  readonly revocations: RevocationList;
  readonly failureBudget: FailureBudget;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Compiles settings that passed every check. Throws if the store does not answer or an identity cannot be made. */
export async function createRuntime(settings: Settings, revision: string, shared: Shared): Promise<Runtime> {
  const { log } = shared;
  await shared.keyring.prepare(assertionAlgorithms(settings));
  const identities = compileIdentities(settings, shared);
  const opened = await openParts(settings, shared);
  const { tenants, authentication, upstreams } = opened;
  let inFlight = 0;
  let isRetired = false;

  function disposeWhenIdle(): void {
    if (!isRetired || inFlight > 0) return;
    upstreams.release();
    tenants.close();
    authentication
      .close()
      .catch((error: unknown) => log.error({ err: error }, 'authentication did not close'));
  }

  return {
    revision,
    settings,
    readAuthority: createAuthorityReader(),
    router: createRouter(compileRoutes(settings)),
    tenants,
    authentication,
    revocations: shared.revocations,
    maxLag: settings.store.maxLag,
    failureBudget: shared.failureBudget,
    fieldReader: createFieldReader({
      apiKey: settings.apiKeys.header,
      owned: [...identities.values()].flatMap((identity) => identity.fieldNames),
      tenantFields: settings.routes.flatMap((route) => route.tenant.field ?? []),
    }),
    forwardings: compileForwardings(settings, upstreams.byName, identities),
    refusalTemplates: new Map(
      settings.routes.flatMap((route) => (route.refusal === undefined ? [] : [[route.id, route.refusal]])),
    ),
    endpoints: createOwnEndpoints(new Map(), []),
    limits: settings.limits,
    trustedProxies: settings.trustedProxies.length === 0 ? undefined : blockListOf(settings.trustedProxies),
    acquire() {
      inFlight += 1;
    },
    release() {
      inFlight -= 1;
      if (isRetired) disposeWhenIdle();
    },
    retire() {
      isRetired = true;
      disposeWhenIdle();
    },
  };
}

/** What a generation opens and has to close; nothing stays open if one of them fails. */
async function openParts(settings: Settings, shared: Shared) {
  const { stores, log, metrics, clock, pools } = shared;
  const upstreams = createUpstreams(settings.upstreams, settings.tenants, { pools, metrics, clock });
  let tenants: TenantDirectory | undefined;
  try {
    const directory = await openTenantDirectory({
      settings,
      store: stores.tenants,
      changes: stores.changes,
      log,
    });
    tenants = directory;
    const authentication = createAuthentication({
      settings,
      apiKeys: stores.apiKeys,
      changes: stores.changes,
      tenantsOfIssuer: (issuer) => directory.tenantsOfIssuer(issuer),
      clock,
      log,
      metrics,
    });
    return { upstreams, tenants: directory, authentication };
  } catch (error) {
    upstreams.release();
    tenants?.close();
    throw error;
  }
}

function assertionAlgorithms(settings: Settings) {
  const algorithms = Object.values(settings.upstreams).flatMap(
    (upstream) => upstream.identity.assertion?.algorithm ?? [],
  );
  return [...new Set(algorithms)];
}

function compileIdentities(settings: Settings, shared: Shared): ReadonlyMap<string, IdentityWriter> {
  const identities = new Map<string, IdentityWriter>();
  for (const [name, upstream] of Object.entries(settings.upstreams)) {
    const writer = createIdentityWriter({
      upstream: name,
      identity: upstream.identity,
      credentials: upstream.credentials,
      issuer: settings.publicUrl ?? 'gatehouse',
      keyring: shared.keyring,
      metrics: shared.metrics,
    });
    if (!writer.ok)
      throw new Error(
        writer.error
          .map(({ path, found, expected }) => `${path.join('.')}: found ${found}, expected ${expected}`)
          .join('; '),
      );
    identities.set(name, writer.value);
  }
  return identities;
}

function compileForwardings(
  settings: Settings,
  upstreams: ReadonlyMap<string, Upstream>,
  identities: ReadonlyMap<string, IdentityWriter>,
): ReadonlyMap<string, Forwarding> {
  const forwardings = new Map<string, Forwarding>();
  for (const [name, upstream] of upstreams) {
    const upstreamSettings = settings.upstreams[name];
    const identity = identities.get(name);
    if (upstreamSettings === undefined || identity === undefined) continue;
    forwardings.set(name, {
      upstream,
      identity,
      host: upstreamSettings.host,
      basePath: upstreamSettings.basePath ?? '',
      passesCredential: upstreamSettings.credentials.passThrough,
      variesBy: `Authorization, ${settings.apiKeys.header}`,
    });
  }
  return forwardings;
}
