import type { Denial } from '../authorization/denial.ts';
import { denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage, StoreUnavailable } from '../base/outage.ts';
import { ok, type Result } from '../base/result.ts';
import type { AcceptedCredentials, PresentedCredentials } from '../credentials/credential.ts';
import { extractCredentials } from '../credentials/extract.ts';
import type { Authority } from '../http/host.ts';
import { type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { RequestTarget } from '../http/target.ts';
import type { Principal } from '../principals/principal.ts';
import { isObserving, type Route } from '../routing/route.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import { authorize } from './authorize.ts';
import { type AdmissionRequest, type DecisionFacts, findRoute } from './find-route.ts';
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

/** What admission needs of a generation of the configuration. */
export type Runs = Pick<
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
