import { peerKey } from '../authentication/failure-budget.ts';
import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { escapeKeyPart } from '../base/key-part.ts';
import type { Settings } from '../config/schema/config.ts';
import type { AttemptRate } from '../limits/attempt-store.ts';
import type { RateBucket } from '../limits/rate-bucket.ts';
import type { RateLimiter } from '../limits/rate-limiter.ts';
import type { Principal } from '../principals/principal.ts';
import { isObserving, type Route } from '../routing/route.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import { policyOf, rateLimitFields } from './rate-limit-fields.ts';

/** A limit that applies to one request. */
export interface AppliedLimit {
  /** `principal`, `route-principal` … */
  readonly name: string;
  readonly rate: AttemptRate;
  /** As a member of RateLimit-Policy. */
  readonly policy: string;
  readonly bucket: RateBucket;
}

/** Rate limits of one generation of the configuration. Buckets outlive it. */
export interface RateLimits {
  /** Limits of a peer; `route` undefined: on an endpoint of the gateway's own. */
  ofPeer(route: Route | undefined, address: string, now: EpochMilliseconds): readonly AppliedLimit[];
  ofRequest(
    route: Route,
    principal: Principal | undefined,
    tenant: KnownTenant | undefined,
    now: EpochMilliseconds,
  ): readonly AppliedLimit[];
  /** Takes one of each, or none: then the refusal, which tells of the `earlier` ones too. `place`: route or endpoint. */
  take(
    limits: readonly AppliedLimit[],
    place: string,
    now: EpochMilliseconds,
    earlier?: readonly AppliedLimit[],
  ): Denial | undefined;
  /** As `take`, but takes and counts nothing. */
  judge: RateLimits['take'];
}

const NONE: readonly AppliedLimit[] = [];

/** Throws nothing. Without any limit configured it costs two comparisons per request. */
export function createRateLimits(
  settings: Pick<Settings, 'limits' | 'routes'>,
  limiter: RateLimiter,
  metrics: Pick<Metrics, 'rateLimited'>,
): RateLimits {
  const enforced = compileScope(settings, limiter, '');
  // What an observed route counts must not use up what other routes refuse by.
  const observed = compileScope(settings, limiter, 'observed:');

  const scopeFor = (route: Route | undefined, now: EpochMilliseconds): Scope =>
    route !== undefined && isObserving(route, now) ? observed : enforced;

  return {
    ofPeer: (route, address, now) => scopeFor(route, now).ofPeer(route?.id, address, now),
    ofRequest: (route, principal, tenant, now) =>
      scopeFor(route, now).ofRequest(route.id, principal, tenant, now),
    judge: (limits, _place, now, earlier = NONE) => judge(limits, now, earlier)?.refusal,
    take(limits, place, now, earlier = NONE) {
      if (limits.length === 0) return undefined;
      const over = judge(limits, now, earlier);
      if (over !== undefined) {
        metrics.rateLimited(over.limit, place);
        return over.refusal;
      }
      for (const { bucket, rate } of limits) limiter.use(bucket, rate, now);
      return undefined;
    },
  };
}

/** The limit that takes longest to have one again, if one of them has none. */
function judge(
  limits: readonly AppliedLimit[],
  now: EpochMilliseconds,
  earlier: readonly AppliedLimit[],
): { readonly limit: string; readonly refusal: Denial } | undefined {
  let over: AppliedLimit | undefined;
  let longest = 0;
  for (const limit of limits) {
    const wait = limit.bucket.waitFor(limit.rate, now);
    if (wait <= longest) continue;
    longest = wait;
    over = limit;
  }
  if (over === undefined) return undefined;
  const { name, rate } = over;
  const reason = `over the limit "${name}": ${rate.count} in ${rate.windowMilliseconds / 1000} s`;
  const refusal = denial('rate_limited', reason, {
    retryAfterSeconds: Math.ceil(longest / 1000),
    rateLimit: rateLimitFields(earlier, limits, now) ?? [],
  });
  return { limit: name, refusal };
}

interface Scope {
  ofPeer(route: string | undefined, address: string, now: EpochMilliseconds): readonly AppliedLimit[];
  ofRequest(
    route: string,
    principal: Principal | undefined,
    tenant: KnownTenant | undefined,
    now: EpochMilliseconds,
  ): readonly AppliedLimit[];
}

interface RouteLimits {
  readonly peer: Limit | undefined;
  readonly principal: Limit | undefined;
  readonly tenant: Limit | undefined;
  readonly total: Limit | undefined;
}

function compileScope(
  { limits, routes }: Pick<Settings, 'limits' | 'routes'>,
  limiter: RateLimiter,
  space: string,
): Scope {
  const make = (name: string, prefix: string, rate: AttemptRate | undefined): Limit | undefined =>
    rate && new Limit(name, `${space}${prefix}`, rate, limiter);
  const peer = make('peer', 'peer:', limits.perPeer);
  const principal = make('principal', 'principal:', limits.perPrincipal);
  const tenant = make('tenant', 'tenant:', limits.perTenant);
  /** Has no rate of its own: that of the tenant counts. */
  const ownTenant = new Limit('tenant', `${space}tenant:`, { count: 1, windowMilliseconds: 1 }, limiter);
  const byRoute = new Map<string, RouteLimits>();
  for (const { id, limits: own } of routes) {
    const prefix = `route:${escapeKeyPart(id)}:`;
    const compiled = {
      peer: make('route-peer', `${prefix}peer:`, own.perPeer),
      principal: make('route-principal', `${prefix}principal:`, own.perPrincipal),
      tenant: make('route-tenant', `${prefix}tenant:`, own.perTenant),
      total: make('route', `${prefix}total`, own.total),
    };
    if (Object.values(compiled).some((limit) => limit !== undefined)) byRoute.set(id, compiled);
  }
  const hasPeerLimits = peer !== undefined || byRoute.size > 0;

  return {
    ofPeer(routeId, address, now) {
      if (!hasPeerLimits) return NONE;
      const route = routeId === undefined ? undefined : byRoute.get(routeId)?.peer;
      if (peer === undefined && route === undefined) return NONE;
      const key = escapeKeyPart(peerKey(address));
      const applied: AppliedLimit[] = [];
      if (peer !== undefined) applied.push(peer.at(key, peer.rate, now));
      if (route !== undefined) applied.push(route.at(key, route.rate, now));
      return applied;
    },

    ofRequest(routeId, who, forTenant, now) {
      const route = byRoute.size === 0 ? undefined : byRoute.get(routeId);
      const ownRate = forTenant?.requestLimit;
      if (route === undefined && principal === undefined && tenant === undefined && ownRate === undefined)
        return NONE;
      const applied: AppliedLimit[] = [];
      if (who !== undefined) {
        if (principal !== undefined) applied.push(principal.ofPrincipal(who, now));
        if (route?.principal !== undefined) applied.push(route.principal.ofPrincipal(who, now));
      }
      if (forTenant !== undefined) {
        if (ownRate !== undefined) applied.push(ownTenant.ofTenant(forTenant, ownRate, now));
        else if (tenant !== undefined) applied.push(tenant.ofTenant(forTenant, tenant.rate, now));
        if (route?.tenant !== undefined)
          applied.push(route.tenant.ofTenant(forTenant, route.tenant.rate, now));
      }
      if (route?.total !== undefined) applied.push(route.total.ofAll(now));
      return applied;
    },
  };
}

/** One configured limit, with what it came to for whom, so that a remembered principal or tenant costs one look-up. */
class Limit {
  readonly name: string;
  readonly rate: AttemptRate;
  readonly #prefix: string;
  readonly #limiter: RateLimiter;
  readonly #known = new WeakMap<Principal | KnownTenant, AppliedLimit>();
  #all: AppliedLimit | undefined;

  constructor(name: string, prefix: string, rate: AttemptRate, limiter: RateLimiter) {
    this.name = name;
    this.rate = rate;
    this.#prefix = prefix;
    this.#limiter = limiter;
  }

  at(key: string, rate: AttemptRate, now: EpochMilliseconds): AppliedLimit {
    const bucket = this.#limiter.bucketOf(this.#prefix + key, rate, now);
    return { name: this.name, rate, policy: policyOf(this.name, rate), bucket };
  }

  ofPrincipal(principal: Principal, now: EpochMilliseconds): AppliedLimit {
    const known = this.#known.get(principal);
    if (known !== undefined && !known.bucket.isForgotten) return known;
    return this.#remember(principal, this.at(escapeKeyPart(principal.subject), this.rate, now));
  }

  ofTenant(tenant: KnownTenant, rate: AttemptRate, now: EpochMilliseconds): AppliedLimit {
    const known = this.#known.get(tenant);
    if (known !== undefined && !known.bucket.isForgotten) return known;
    return this.#remember(tenant, this.at(tenant.id, rate, now));
  }

  ofAll(now: EpochMilliseconds): AppliedLimit {
    if (this.#all === undefined || this.#all.bucket.isForgotten) this.#all = this.at('', this.rate, now);
    return this.#all;
  }

  #remember(whose: Principal | KnownTenant, applied: AppliedLimit): AppliedLimit {
    this.#known.set(whose, applied);
    return applied;
  }
}
