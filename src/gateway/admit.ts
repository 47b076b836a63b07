import type { Denial } from '../authorization/denial.ts';
import { denial } from '../authorization/denial.ts';
import { findUnmetRequirement } from '../authorization/requirements.ts';
import { resolveTenant } from '../authorization/resolve-tenant.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage, StoreUnavailable } from '../base/outage.ts';
import { ok, type Result } from '../base/result.ts';
import type { AcceptedCredentials, PresentedCredentials } from '../credentials/credential.ts';
import { extractCredentials, withoutTicket } from '../credentials/extract.ts';
import { csrfObjection } from '../http/csrf.ts';
import { type Authority, originOf } from '../http/host.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { RequestTarget } from '../http/target.ts';
import type { Principal, PrincipalSession } from '../principals/principal.ts';
import { isObserving, type Route } from '../routing/route.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import { type AdmissionRequest, type DecisionFacts, findRoute, type Routed } from './find-route.ts';
import { describeLimit, rateLimitFields } from './rate-limit-fields.ts';
import type { AppliedLimit } from './rate-limits.ts';
import type { Runtime } from './runtime.ts';

export interface Admitted {
  readonly kind: 'admitted';
  readonly facts: DecisionFacts;
  readonly route: Route;
  readonly authority: Authority;
  readonly target: RequestTarget;
  /** Path to send: the received one, less the route's `stripPrefix`. */
  readonly path: string;
  /** Query to send: the received one, less a ticket of ours. */
  readonly query: string;
  readonly principal: Principal | undefined;
  readonly clientPrincipal: Principal | undefined;
  readonly tenant: KnownTenant | undefined;
  /** What the client is told of the rate limits: name, value …; `undefined`: none apply. */
  readonly rateLimit: readonly string[] | undefined;
}

export type Admission =
  | Admitted
  | { readonly kind: 'denied'; readonly facts: DecisionFacts; readonly denial: Denial }
  /** Nothing can be said: 503. */
  | { readonly kind: 'outage'; readonly facts: DecisionFacts; readonly outage: Outage };

/** Follows the pipeline for `explain`. */
export interface AdmissionObserver {
  step(
    name: 'route' | 'credential' | 'principal' | 'revocation' | 'tenant' | 'requirement' | 'limit',
    detail: string,
  ): void;
}

type Runs = Pick<
  Runtime,
  | 'readAuthority'
  | 'router'
  | 'tenants'
  | 'authentication'
  | 'revocations'
  | 'maxLag'
  | 'failureBudget'
  | 'rateLimits'
  | 'nameOfSessionCookie'
  | 'fieldReader'
  | 'limits'
>;

/**
 * The decision, in the order of the pipeline. Synchronous when the credential is cached. Never throws for what a client
 * sends; an outage comes back as a value of its own, so that it cannot be mistaken for a refusal.
 */
export function admit(
  request: AdmissionRequest,
  runtime: Runs,
  now: EpochMilliseconds,
  observer?: AdmissionObserver,
): Admission | Promise<Admission> {
  const routed = findRoute(request, runtime);
  if (!routed.ok) return routed.error;
  const proven = routed.value;
  const { route, facts, target } = proven;
  observer?.step('route', route.id);
  const { rateLimits } = runtime;
  const peerLimits = rateLimits.ofPeer(route, request.origin.address, now);
  const tooMany = rateLimits.take(peerLimits, route.id, now);
  if (tooMany !== undefined) return { kind: 'denied', facts, denial: tooMany };
  if (route.isPublic) return authorize(request, proven, [], peerLimits, runtime, now, observer);

  if (!route.servesStale && runtime.revocations.lag(now) > runtime.maxLag) {
    const outage = new StoreUnavailable(
      'the revocation list may be further behind the store than maxLag allows',
    );
    return { kind: 'outage', facts, outage };
  }
  const budget = isObserving(route, now) ? undefined : runtime.failureBudget;
  return judge(false);

  /** `hasBegun`: it has waited for its turn, and holds one. */
  function judge(hasBegun: boolean): Admission | Promise<Admission> {
    const { address } = request.origin;
    const retryAfterSeconds = budget?.isExhausted(address, now);
    if (retryAfterSeconds !== undefined) {
      const reason = 'the peer has no failed credentials left';
      const refusal = denial('too_many_failures', reason, { retryAfterSeconds });
      return { kind: 'denied', facts, denial: refusal };
    }
    const presented = extractCredentials(request.fields, target.query, route.accepts);
    if (!presented.ok) return refuseCredential(request, facts, presented.error, runtime, now);
    const turn = hasBegun ? undefined : budget?.turn(address, now);
    if (turn !== undefined) return turn.then(judgeInTurn);
    observer?.step('credential', nameOf(presented.value));
    try {
      const authenticated = authenticate(presented.value, runtime, now);
      if (!(authenticated instanceof Promise)) return finish(authenticated);
      const finished = authenticated.then(finish, (error: unknown) => toOutage(error, facts));
      if (budget === undefined || hasBegun) return finished;
      budget.beginCheck(address);
      return finished.finally(() => budget.endCheck(address, now));
    } catch (error) {
      return toOutage(error, facts);
    }
  }

  async function judgeInTurn(): Promise<Admission> {
    try {
      return await judge(true);
    } finally {
      budget?.endCheck(request.origin.address, now);
    }
  }

  function finish(principals: Result<readonly Principal[], Denial>): Admission {
    if (!principals.ok) return refuseCredential(request, facts, principals.error, runtime, now);
    const misnamed = findMisnamed(principals.value, request.fields, runtime);
    if (misnamed !== undefined) return refuseCredential(request, facts, misnamed, runtime, now);
    return authorize(request, proven, principals.value, peerLimits, runtime, now, observer);
  }
}

/** A cookie under the name of sessions of another kind is none of ours: what is set for old clients is read from them alone. */
function findMisnamed(
  principals: readonly Principal[],
  fields: ReceivedFields,
  { nameOfSessionCookie }: Runs,
): Denial | undefined {
  const session = principals[0]?.session;
  if (session?.isCookie !== true || fields.values[SLOTS.sessionName] === nameOfSessionCookie(session))
    return undefined;
  const reason = `session ${session.id} came under the name of other session cookies`;
  return denial('credential_invalid', reason, { isNoGuess: true });
}

function nameOf(presented: PresentedCredentials): AcceptedCredentials {
  return presented.kind === 'pair' ? `apiKey+${presented.user.kind}` : presented.credential.kind;
}

/** Only what is known to be an outage is answered as one; anything else is a fault of ours and goes on. */
function toOutage(error: unknown, facts: DecisionFacts): Admission {
  if (error instanceof Outage) return { kind: 'outage', facts, outage: error };
  throw error;
}

/**
 * Wrong credentials use up the peer's budget; absent, expired and revoked ones do not, and neither do cookies of sessions that have
 * ended: an office of old clients would be locked out by what its browsers go on sending. Nor do those on a route that
 * only observes: its old clients would else be refused on every other route.
 */
function refuseCredential(
  request: AdmissionRequest,
  facts: DecisionFacts,
  refusal: Denial,
  runtime: Runs,
  now: EpochMilliseconds,
): Admission {
  const isObserved = facts.route !== undefined && isObserving(facts.route, now);
  const isFailure = refusal.code === 'credential_invalid' && refusal.isNoGuess !== true && !isObserved;
  const retryAfterSeconds = isFailure
    ? runtime.failureBudget.recordFailure(request.origin.address, now, refusal.guessed)
    : undefined;
  if (retryAfterSeconds !== undefined) {
    const reason = `${refusal.reason}, as of too many before, from whatever peers`;
    return { kind: 'denied', facts, denial: denial('too_many_failures', reason, { retryAfterSeconds }) };
  }
  const { principal } = refusal;
  return {
    kind: 'denied',
    facts: principal === undefined ? facts : { ...facts, principal },
    denial: refusal,
  };
}

type Authenticated = Result<readonly Principal[], Denial>;

/** The user (or only) principal first, then, of a pair, the client's. */
function authenticate(
  presented: PresentedCredentials,
  runtime: Runs,
  now: EpochMilliseconds,
): Authenticated | Promise<Authenticated> {
  const { authentication } = runtime;
  if (presented.kind === 'pair') return authenticatePair(presented, runtime, now);
  const principal = authentication.authenticate(presented.credential, now);
  return principal instanceof Promise ? principal.then(alone) : alone(principal);
}

function alone(principal: Result<Principal, Denial>): Authenticated {
  return principal.ok ? ok([principal.value]) : principal;
}

async function authenticatePair(
  pair: Extract<PresentedCredentials, { kind: 'pair' }>,
  runtime: Runs,
  now: EpochMilliseconds,
): Promise<Authenticated> {
  const client = await runtime.authentication.authenticate(pair.client, now);
  if (!client.ok) return client;
  const user = await runtime.authentication.authenticate(pair.user, now);
  return user.ok ? ok([user.value, client.value]) : user;
}

function authorize(
  request: AdmissionRequest,
  routed: Routed,
  principals: readonly Principal[],
  peerLimits: readonly AppliedLimit[],
  runtime: Runs,
  now: EpochMilliseconds,
  observer: AdmissionObserver | undefined,
): Admission {
  const { route, authority, target, path } = routed;
  const [principal, clientPrincipal] = principals;
  if (principal !== undefined) observer?.step('principal', principal.subject);

  const claims = {
    host: routed.hostTenant,
    path:
      route.tenant.pathSegment === undefined
        ? undefined
        : tenantClaim(target.segments[route.tenant.pathSegment]),
    field:
      route.tenant.field === undefined
        ? undefined
        : fieldClaim(request.fields, runtime.fieldReader.slotOf(route.tenant.field)),
  };
  const resolved = resolveTenant(claims, principals, route.tenant.requires);
  const tenantId = resolved.ok ? resolved.value : undefined;
  const tenant = tenantId === undefined ? undefined : runtime.tenants.find(tenantId);
  const facts = factsOf(routed.facts, principal, tenant);
  // What was taken back is refused as such first, whatever else is wrong with the request.
  for (const each of principals) {
    const revocation = runtime.revocations.find(each, tenantId, now);
    if (revocation === undefined) continue;
    const reason = `${each.credentialId} is revoked as ${revocation.target.kind}`;
    return { kind: 'denied', facts, denial: denial('credential_revoked', reason) };
  }
  if (principals.length > 0) observer?.step('revocation', 'not revoked');
  const misuse =
    principal?.session === undefined ? undefined : misuseOf(principal.session, request, authority, route);
  if (misuse !== undefined) return { kind: 'denied', facts, denial: misuse };
  if (!resolved.ok) return { kind: 'denied', facts, denial: resolved.error };
  if (tenantId !== undefined && tenant === undefined) {
    return { kind: 'denied', facts, denial: denial('tenant_mismatch', `there is no tenant ${tenantId}`) };
  }
  if (tenant !== undefined) observer?.step('tenant', tenant.id);
  if (principal !== undefined) {
    const unmet = findUnmetRequirement(route, principal, clientPrincipal);
    if (unmet !== undefined) return { kind: 'denied', facts, denial: unmet };
    if (observer !== undefined) {
      for (const requirement of requirementsOf(route)) observer.step('requirement', requirement);
    }
  }
  if (tenant?.status === 'suspended')
    return { kind: 'denied', facts, denial: denial('tenant_suspended', `${tenant.id} is suspended`) };
  const { rateLimits } = runtime;
  const requestLimits = rateLimits.ofRequest(route, principal, tenant, now);
  const tooMany = rateLimits.take(requestLimits, route.id, now, peerLimits);
  if (tooMany !== undefined) return { kind: 'denied', facts, denial: tooMany };
  if (observer !== undefined) {
    for (const limit of [...peerLimits, ...requestLimits]) observer.step('limit', describeLimit(limit, now));
  }
  const query = principal?.session?.isTicket === true ? withoutTicket(target.query) : target.query;
  return {
    kind: 'admitted',
    facts,
    route,
    authority,
    target,
    path,
    query,
    principal,
    clientPrincipal,
    tenant,
    rateLimit: rateLimitFields(peerLimits, requestLimits, now),
  };
}

/** A cookie is good on its own host only, and where it may change something only if the page is known to mean it. */
function misuseOf(
  session: PrincipalSession,
  { method, fields, origin }: AdmissionRequest,
  authority: Authority,
  { hasHtmlForms }: Pick<Route, 'hasHtmlForms'>,
): Denial | undefined {
  if (session.host !== undefined && session.host !== authority.host)
    return denial('tenant_mismatch', `the session ${session.id} was issued for another host`);
  if (!session.isCookie || method === 'GET') return undefined;
  const objection = csrfObjection({
    method,
    csrfField: onlyValue(fields, SLOTS.csrf),
    secFetchSite: onlyValue(fields, SLOTS.secFetchSite),
    origin: onlyValue(fields, SLOTS.origin),
    ownOrigin: originOf(origin.scheme, authority),
    listedOrigins: session.origins,
    isLegacy: session.kind === 'legacy',
    takesForms: hasHtmlForms,
  });
  return objection === undefined ? undefined : denial('csrf_rejected', objection);
}

function onlyValue(fields: ReceivedFields, slot: number): string | undefined {
  return isRepeated(fields, slot) ? '' : fields.values[slot];
}

function factsOf(
  { route, host, path }: DecisionFacts,
  principal: Principal | undefined,
  tenant: KnownTenant | undefined,
): DecisionFacts {
  return { route, host, path, principal, tenant: tenant?.id };
}

function tenantClaim(text: string | undefined): TenantId | null {
  return parseTenantId(text ?? '') ?? null;
}

function fieldClaim(fields: ReceivedFields, slot: number | undefined): TenantId | null | undefined {
  const value = slot === undefined ? undefined : fields.values[slot];
  if (slot === undefined || value === undefined) return undefined;
  return isRepeated(fields, slot) ? null : tenantClaim(value);
}

function* requirementsOf(route: Route): Generator<string> {
  for (const scope of route.requiredScopes) yield `scope ${scope}`;
  if (route.anyRole !== undefined) yield `any role of ${route.anyRole.join(', ')}`;
  for (const role of route.allRoles) yield `role ${role}`;
}
