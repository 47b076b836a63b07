import type { EpochMilliseconds } from '../base/clock.ts';
import type { DenyCode } from '../http/deny-codes.ts';
import { isObserving } from '../routing/route.ts';
import type { Admission, Admitted } from './admit.ts';
import { type AdmissionRequest, findRoute } from './find-route.ts';
import type { Forwarding, Runtime } from './runtime.ts';

/** What an observed route would have answered; `undefined`: it would have admitted the request. */
export interface WouldBeRefusal {
  readonly code: DenyCode;
  readonly reason: string;
}

export function isObserved({ facts }: Admission, now: EpochMilliseconds): boolean {
  return facts.route !== undefined && isObserving(facts.route, now);
}

export function wouldBeRefusalOf(admission: Admission): WouldBeRefusal | undefined {
  if (admission.kind === 'admitted') return undefined;
  if (admission.kind === 'denied') return { code: admission.denial.code, reason: admission.denial.reason };
  return { code: admission.outage.code, reason: admission.outage.message };
}

/**
 * The request as it came, whatever was decided: with its own credentials and without anything of ours. What we own is
 * still taken out, since the upstream may believe it on other routes. `undefined`: it has no route.
 */
export function passThroughOf(request: AdmissionRequest, runtime: Runtime): Admitted | undefined {
  const routed = findRoute(request, runtime);
  if (!routed.ok) return undefined;
  const { facts, route, authority, target, path, hostTenant } = routed.value;
  return {
    kind: 'admitted',
    facts,
    route,
    authority,
    target,
    path,
    query: target.query,
    principal: undefined,
    clientPrincipal: undefined,
    rateLimit: undefined,
    tenant: hostTenant === undefined ? undefined : runtime.tenants.find(hostTenant),
  };
}

/** The way to an upstream on which nothing is said of who asks but what the client says itself. */
export function asItCame(forwarding: Forwarding): Forwarding {
  return {
    ...forwarding,
    passesCredential: true,
    passesCookies: true,
    keptLogins: undefined,
    answerCookies: undefined,
    identity: { ...forwarding.identity, write: () => undefined },
  };
}
