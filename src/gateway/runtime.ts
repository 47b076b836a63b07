import type { BlockList } from 'node:net';
import type { Logger } from 'pino';
import type { IdentityWriter } from '../assertion/identity.ts';
import { createIdentityWriter } from '../assertion/identity-writer.ts';
import type { Authentication } from '../authentication/authentication.ts';
import type { FailureBudget } from '../authentication/failure-budget.ts';
import { ACCESS_TOKEN_ALGORITHM } from '../authentication/own-tokens.ts';
import type { Clock } from '../base/clock.ts';
import { runPaced } from '../base/paced.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { RouteSettings, Settings, UpstreamSettings } from '../config/schema/config.ts';
import { blockListOf } from '../config/schema/scalars.ts';
import { type Authority, createAuthorityReader } from '../http/host.ts';
import { createOwnedFields, type OwnedFields } from '../http/owned-fields.ts';
import { createFieldReader, type FieldReader } from '../http/received-fields.ts';
import type { Keyring } from '../keys/keyring.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import type { PrincipalSession } from '../principals/principal.ts';
import type { RevocationList } from '../revocation/revocation-list.ts';
import { compileRoutes, type Route } from '../routing/route.ts';
import { buildRouter, type Router } from '../routing/router.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { Stores } from '../stores/stores.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { openTenantDirectory, type TenantDirectory } from '../tenants/tenant-directory.ts';
import { signsAccessTokens } from '../token-service/access-tokens.ts';
import type { PaceRules } from '../upstream/body-pace.ts';
import type { PoolRegistry } from '../upstream/pool-registry.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { createUpstreams } from '../upstream/upstreams.ts';
import { type AnswerCookieRules, createAnswerCookieRules, type SessionKeeper } from './answer-cookies.ts';
import {
  type CookieNames,
  keptCookiesOf,
  loginsOf,
  nameSessionCookies,
  namesOfCookies,
} from './cookie-names.ts';
import type { OwnEndpoints } from './own-endpoints.ts';
import { type OwnServices, openOwnServices } from './own-services.ts';
import { createRateLimits, type RateLimits } from './rate-limits.ts';
import { createSessionKeeper } from './session-keeper.ts';

/** How requests are sent to one upstream. */
export interface Forwarding {
  readonly upstream: Upstream;
  readonly identity: IdentityWriter;
  readonly host: UpstreamSettings['host'];
  readonly basePath: string;
  readonly passesCredential: boolean;
  /** The client's Cookie field goes on as it came. */
  readonly passesCookies: boolean;
  /** Logins whose kept cookies and fields are sent there; `undefined`: those of none. */
  readonly keptLogins: ReadonlySet<string> | undefined;
  readonly answerCookies: AnswerCookieRules | undefined;
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
  readonly rateLimits: RateLimits;
  readonly fieldReader: FieldReader;
  readonly ownedFields: OwnedFields;
  readonly nameOfSessionCookie: (session: Pick<PrincipalSession, 'kind' | 'login'>) => string;
  readonly endpoints: OwnEndpoints;
  readonly clients: ClientDirectory;
  readonly sessionKeeper: SessionKeeper;
  readonly forwardings: ReadonlyMap<string, Forwarding>;
  readonly refusalTemplates: ReadonlyMap<string, RefusalTemplate>;
  readonly limits: Settings['limits'];
  /** Of requests to the gateway itself. */
  readonly bodyPace: PaceRules;
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
  readonly sessions: SessionService;
  readonly failureBudget: FailureBudget;
  readonly rateLimiter: RateLimiter;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}

/** Compiles settings that passed every check. Throws if the store does not answer or an identity cannot be made. */
export async function createRuntime(settings: Settings, revision: string, shared: Shared): Promise<Runtime> {
  const { log } = shared;
  await shared.keyring.prepare(assertionAlgorithms(settings));
  if (signsAccessTokens(settings)) await shared.keyring.prepare([ACCESS_TOKEN_ALGORITHM], 'access-token');
  const identities = compileIdentities(settings, shared);
  // A generation before this one serves meanwhile.
  const router = await runPaced(buildRouter(await runPaced(compileRoutes(settings))));
  const opened = await openParts(settings, shared);
  const { tenants, services, upstreams } = opened;
  const { authentication, clients, endpoints, logins } = services;
  const cookies = namesOfCookies(settings);
  const tenantFields = settings.routes.flatMap((route) => route.tenant.field ?? []);
  const identityFields = [
    ...[...identities.values()].flatMap((identity) => identity.fieldNames),
    ...Object.values(settings.login).flatMap(({ keep }) => Object.keys(keep.fields)),
  ];
  let inFlight = 0;
  let isRetired = false;

  function disposeWhenIdle(): void {
    if (!isRetired || inFlight > 0) return;
    upstreams.release();
    tenants.close();
    services.close().catch((error: unknown) => log.error({ err: error }, 'authentication did not close'));
  }

  return {
    revision,
    settings,
    readAuthority: createAuthorityReader(),
    router,
    tenants,
    authentication,
    revocations: shared.revocations,
    maxLag: settings.store.maxLag,
    failureBudget: shared.failureBudget,
    rateLimits: createRateLimits(settings, shared.rateLimiter, shared.metrics),
    ownedFields: createOwnedFields(identityFields, [
      'Authorization',
      settings.apiKeys.header,
      'Cookie',
      ...tenantFields,
    ]),
    fieldReader: createFieldReader({
      apiKey: settings.apiKeys.header,
      owned: identityFields,
      tenantFields,
      sessionCookies: cookies.session,
      droppedCookies: new Set([...cookies.own, ...cookies.kept]),
    }),
    forwardings: compileForwardings(settings, upstreams.byName, identities, cookies),
    refusalTemplates: new Map(
      settings.routes.flatMap((route) => (route.refusal === undefined ? [] : [[route.id, route.refusal]])),
    ),
    nameOfSessionCookie: nameSessionCookies(settings),
    endpoints,
    clients,
    sessionKeeper: createSessionKeeper({ ...shared, logins, tenants }),
    limits: settings.limits,
    bodyPace: {
      idleMilliseconds: settings.limits.bodyIdle,
      bytesPerSecond: settings.limits.bodyRate,
    },
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
    tenants = await openTenantDirectory({ settings, store: stores.tenants, changes: stores.changes, log });
    const services: OwnServices = await openOwnServices(settings, tenants, upstreams.byName, shared);
    return { upstreams, tenants, services };
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
  cookies: CookieNames,
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
      passesCookies: false,
      keptLogins: upstreamSettings.credentials.cookies === undefined ? undefined : loginsOf(name, settings),
      answerCookies:
        cookies.own.size === 0
          ? undefined
          : createAnswerCookieRules(name, cookies.own, keptCookiesOf(name, settings)),
      variesBy:
        cookies.own.size === 0
          ? `Authorization, ${settings.apiKeys.header}`
          : `Authorization, ${settings.apiKeys.header}, Cookie`,
    });
  }
  return forwardings;
}
