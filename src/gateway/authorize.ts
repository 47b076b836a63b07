import type { Denial } from '../authorization/denial.ts';
import { denial } from '../authorization/denial.ts';
import { findUnmetRequirement } from '../authorization/requirements.ts';
import { resolveTenant } from '../authorization/resolve-tenant.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { withoutTicket } from '../credentials/extract.ts';
import { csrfObjection } from '../http/csrf.ts';
import { type Authority, originOf } from '../http/host.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { Principal, PrincipalSession } from '../principals/principal.ts';
import type { Route } from '../routing/route.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { Admission, AdmissionObserver, Runs } from './admit.ts';
import type { AdmissionRequest, DecisionFacts, Routed } from './find-route.ts';
import { describeLimit, rateLimitFields } from './rate-limit-fields.ts';
import type { AppliedLimit } from './rate-limits.ts';

/** What follows once it is known who asks: revocation, tenant, requirements, limits. No principals: a public route. */
export function authorize(
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
