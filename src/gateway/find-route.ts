import { type Denial, denial } from '../authorization/denial.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Authority } from '../http/host.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import { parseTarget, type RequestTarget } from '../http/target.ts';
import type { Principal } from '../principals/principal.ts';
import type { Route } from '../routing/route.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { Origin } from './peer.ts';
import type { Runtime } from './runtime.ts';

/** A request as every mode presents it to the engine. */
export interface AdmissionRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: ReceivedFields;
  readonly origin: Origin;
}

/** What is known of a request so far; a decision carries it into log and audit, whichever way it goes. */
export interface DecisionFacts {
  readonly route?: Route | undefined;
  readonly host?: string | undefined;
  readonly path?: string | undefined;
  readonly principal?: Principal | undefined;
  readonly tenant?: TenantId | undefined;
  /** Instead of a route: the endpoint of the gateway's own that answered. */
  readonly endpoint?: string;
  /** Instead of a principal: who was found out by that endpoint. */
  readonly actor?: Pick<Principal, 'subject' | 'credentialId'> | undefined;
}

/** What the steps before authentication proved. */
export interface Routed {
  readonly facts: DecisionFacts;
  readonly route: Route;
  readonly authority: Authority;
  readonly target: RequestTarget;
  readonly path: string;
  readonly hostTenant: TenantId | undefined;
}

interface RouteRefusal {
  readonly kind: 'denied';
  readonly facts: DecisionFacts;
  readonly denial: Denial;
}

type Finds = Pick<Runtime, 'readAuthority' | 'router' | 'tenants' | 'limits'>;

/**
 * The first steps of the pipeline: Host, target, tenant host and route. What is ambiguous is refused before anything is
 * looked up under it.
 */
export function findRoute(request: AdmissionRequest, runtime: Finds): Result<Routed, RouteRefusal> {
  const { origin, fields, method } = request;
  const authority =
    origin.host === undefined || isRepeated(fields, SLOTS.host)
      ? undefined
      : runtime.readAuthority(origin.host);
  if (authority === undefined)
    return refuse({}, denial('host_invalid', 'Host is missing, given twice, or no host name'));
  const host = authority.host;
  if (method === 'TRACE' || method === 'TRACK' || method === 'CONNECT') {
    return refuse({ host }, denial('method_not_allowed', `${method} is never forwarded`, { allow: [] }));
  }
  if (request.target === '*')
    return refuse({ host }, denial('route_not_found', 'OPTIONS * is never forwarded'));
  if (request.target.length > runtime.limits.target)
    return refuse({ host }, denial('target_too_long', 'the request target is over the limit'));
  const target = parseTarget(request.target);
  if (!target.ok) return refuse({ host }, denial('path_not_canonical', target.error));
  const path = target.value.path;
  const recognised = runtime.tenants.recogniseHost(host);
  if (recognised.kind === 'unknownTenant')
    return refuse({ host, path }, denial('tenant_not_found', 'the host names a tenant that does not exist'));
  const match = runtime.router.match(host, target.value.segments, method);
  if (match.kind === 'notFound')
    return refuse({ host, path }, denial('route_not_found', 'no route matches host and path'));
  if (match.kind === 'methodNotAllowed') {
    return refuse(
      { host, path },
      denial('method_not_allowed', 'the path has no route for this method', { allow: match.allow }),
    );
  }
  const route = match.route;
  if (
    target.value.hasParameters &&
    isAnotherRoute(route, runtime.router, host, target.value.segments, method)
  ) {
    return refuse(
      { host, path, route },
      denial('path_not_canonical', 'without its path parameters the path has another route'),
    );
  }
  const sent = stripPrefix(path, route.stripPrefix);
  if (sent === undefined)
    return refuse(
      { host, path, route },
      denial('path_not_canonical', 'the prefix to strip is not in its literal form'),
    );
  const hostTenant = recognised.kind === 'tenant' ? recognised.id : undefined;
  return ok({ facts: { host, path, route }, route, authority, target: target.value, path: sent, hostTenant });
}

/**
 * Some servers take path parameters (`;x=1`) off before they look a path up, others do not. What is sent is what came,
 * so a path that has another route to the former is refused: `/admin;x` must not pass by a rule for what is not `/admin`.
 */
function isAnotherRoute(
  route: Route,
  router: Finds['router'],
  host: string,
  segments: readonly string[],
  method: string,
): boolean {
  const names = segments.map((segment) => segment.split(';', 1)[0] ?? '');
  const match = router.match(host, names, method);
  return match.kind === 'methodNotAllowed' || (match.kind === 'matched' && match.route !== route);
}

function refuse(facts: DecisionFacts, refusal: Denial): Result<never, RouteRefusal> {
  return err({ kind: 'denied', facts, denial: refusal });
}

/** Takes whole segments off the front, byte for byte; `undefined` if the path spells them differently. */
function stripPrefix(path: string, prefix: string): string | undefined {
  if (prefix === '') return path;
  if (!path.startsWith(prefix)) return undefined;
  const rest = path.slice(prefix.length);
  if (rest === '') return '/';
  return rest.charCodeAt(0) === 0x2f ? rest : undefined;
}
