import type { EpochMilliseconds } from '../base/clock.ts';
import type { Steps } from '../base/paced.ts';
import type { RouteSettings, Settings } from '../config/schema/config.ts';
import type { AcceptedCredentials } from '../credentials/credential.ts';
import type { CorsPolicy } from '../http/cors.ts';
import { CSRF_FIELD } from '../http/csrf.ts';
import { normaliseHost } from '../http/host.ts';
import { compilePathPattern, type PathPattern, shapeOfPattern } from './path-pattern.ts';
import { addImpliedHead, type Routable } from './router.ts';

/** One route, compiled. */
export interface Route extends Routable {
  readonly id: string;
  readonly host: Routable['host'];
  readonly path: PathPattern;
  readonly methods: readonly string[] | undefined;
  readonly isPublic: boolean;
  /** Before this moment decisions are only observed; undefined: never. Milliseconds since the epoch. */
  readonly observeUntil: number | undefined;
  /** Public routes: the tenant's own upstream credentials are sent without a principal. */
  readonly lendsTenantCredentials: boolean;
  /** Keys and tokens are admitted while the revocation list may be out of date. */
  readonly servesStale: boolean;
  readonly accepts: ReadonlySet<AcceptedCredentials>;
  /** A session cookie, alone or beside a key. */
  readonly acceptsSessions: boolean;
  /** Unsafe requests of a session need no field of ours, only a page of the gateway's own origin. */
  readonly hasHtmlForms: boolean;
  readonly requiredScopes: readonly string[];
  /** Undefined: no such requirement. */
  readonly anyRole: readonly string[] | undefined;
  readonly allRoles: readonly string[];
  readonly tenant: {
    readonly requires: ReadonlySet<TenantSource>;
    /** Index of the segment that names the tenant. */
    readonly pathSegment: number | undefined;
    /** Client's field that names the tenant. */
    readonly field: string | undefined;
  };
  /** Bytes. */
  readonly bodyLimit: number;
  readonly bodyPace: { readonly idleMilliseconds: number; readonly bytesPerSecond: number };
  /** Milliseconds. */
  readonly timeouts: { readonly headers: number; readonly idle: number };
  /** Literal prefix that is taken from the path before it is sent; empty if there is none. */
  readonly stripPrefix: string;
  /** Origins whose pages may open WebSockets; `undefined`: there are none on this route. */
  readonly webSocketOrigins: ReadonlySet<string> | undefined;
  /** What pages of other origins may do; `undefined`: the upstream says. */
  readonly cors: CorsPolicy | undefined;
  readonly upstream: string;
}

/** Whether decisions on a route are only observed: until its date, and not a moment longer. */
export function isObserving(route: Pick<Route, 'observeUntil'>, now: EpochMilliseconds): boolean {
  return route.observeUntil !== undefined && now < route.observeUntil;
}

export type TenantSource = 'credential' | 'host' | 'path' | 'field';

const DEFAULT_HEADERS_TIMEOUT = 30_000;
const DEFAULT_IDLE_TIMEOUT = 60_000;

/** Compiles routes of a configuration that passed every check. */
export function* compileRoutes(
  settings: Pick<Settings, 'routes' | 'upstreams' | 'limits'>,
): Steps<readonly Route[]> {
  const routes: Route[] = [];
  for (const route of settings.routes) {
    routes.push(compileRoute(route, settings));
    yield;
  }
  return yield* addImpliedHead(
    routes,
    (route) => `${route.host?.kind ?? ''} ${route.host?.name ?? ''} ${shapeOfPattern(route.path)}`,
  );
}

function compileRoute(route: RouteSettings, settings: Pick<Settings, 'upstreams' | 'limits'>): Route {
  const path = compilePathPattern(route.match.path);
  const upstreamTimeouts = settings.upstreams[route.upstream]?.timeouts;
  const segment = path.segments.findIndex(
    (part) => part.kind === 'parameter' && part.name === route.tenant.path,
  );
  return {
    id: route.id,
    host: compileHost(route.match.host),
    path,
    methods: route.match.methods,
    isPublic: route.public === true,
    observeUntil: route.observe?.until,
    lendsTenantCredentials: route.lendTenantCredentials === true,
    servesStale: route.serveStale === true,
    accepts: new Set(route.accept ?? []),
    acceptsSessions: route.accept?.some((each) => each === 'session' || each === 'apiKey+session') ?? false,
    hasHtmlForms: route.htmlForms === true,
    requiredScopes: route.require.scopes,
    anyRole: route.require.anyRole,
    allRoles: route.require.allRoles,
    tenant: {
      requires: new Set(route.tenant.require),
      pathSegment: segment === -1 ? undefined : segment,
      field: route.tenant.field,
    },
    bodyLimit: route.limits.body ?? settings.limits.body,
    bodyPace: {
      idleMilliseconds: settings.limits.bodyIdle,
      bytesPerSecond: route.limits.bodyRate ?? settings.limits.bodyRate,
    },
    timeouts: {
      headers: route.timeouts.headers ?? upstreamTimeouts?.headers ?? DEFAULT_HEADERS_TIMEOUT,
      idle: route.timeouts.idle ?? upstreamTimeouts?.idle ?? DEFAULT_IDLE_TIMEOUT,
    },
    stripPrefix: route.stripPrefix ?? '',
    webSocketOrigins: route.websocket && new Set(route.websocket.origins),
    cors: route.cors && compileCors(route.cors, route.match.methods),
    upstream: route.upstream,
  };
}

const ANY_METHOD = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

function compileCors(
  cors: NonNullable<RouteSettings['cors']>,
  methods: readonly string[] | undefined,
): CorsPolicy {
  const origins: ReadonlySet<string> = new Set(cors.origins);
  // Pages show that a request with a session is meant by a field that they set.
  const allowFields = cors.credentials ? [...cors.allowFields, CSRF_FIELD] : cors.allowFields;
  return {
    lists: (origin) => origins.has(origin),
    credentials: cors.credentials,
    methods: (methods ?? ANY_METHOD).join(', '),
    allowFields: allowFields.join(', '),
    exposeFields: cors.exposeFields.join(', '),
    maxAgeSeconds: cors.maxAge / 1000,
  };
}

const TENANT_LABEL = '{tenant}.';

function compileHost(host: string | undefined): Routable['host'] {
  if (host === undefined) return undefined;
  if (host.startsWith(TENANT_LABEL)) return { kind: 'tenantPattern', name: parentHostOf(host) };
  return { kind: 'exact', name: normaliseHost(host) ?? host };
}

/** `{tenant}.api.example.com` → `api.example.com`, normalised. */
export function parentHostOf(pattern: string): string {
  const parent = pattern.slice(TENANT_LABEL.length);
  return normaliseHost(parent) ?? parent;
}
