import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import { type Admission, type Admitted, admit } from '../gateway/admit.ts';
import type { AdmissionRequest, DecisionFacts } from '../gateway/find-route.ts';
import { identityContextOf } from '../gateway/identity-context.ts';
import { isObserved, type WouldBeRefusal, wouldBeRefusalOf } from '../gateway/observe.ts';
import { clientAddress } from '../gateway/peer.ts';
import type { Forwarding, Runtime } from '../gateway/runtime.ts';
import { originOf } from '../http/host.ts';
import { isRepeated, type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { CheckedRequest } from './checked-request.ts';
import type { Allowance } from './dialect.ts';

export type Judgement =
  | {
      readonly kind: 'allowed';
      readonly facts: DecisionFacts;
      readonly allowance: Allowance;
      /** What an observed route would have refused it with. */
      readonly observed?: WouldBeRefusal | undefined;
    }
  | { readonly kind: 'denied'; readonly facts: DecisionFacts; readonly denial: Denial }
  | { readonly kind: 'outage'; readonly facts: DecisionFacts; readonly outage: Outage };

/** The engine's decision on a request that another proxy forwards, and the fields that it is to carry. Throws nothing that is not a fault of ours. */
export async function judgeCheck(
  checked: CheckedRequest,
  peerAddress: string,
  runtime: Runtime,
  now: EpochMilliseconds,
): Promise<Judgement> {
  const address = clientAddress(checked.forwardedFor, peerAddress, runtime.trustedProxies);
  if (address === undefined)
    return denied({}, denial('request_malformed', 'X-Forwarded-For has something that is no address'));
  if (checked.fields.length > runtime.limits.fields * 2)
    return denied({}, denial('fields_too_large', `more than ${runtime.limits.fields} fields`));
  const fields = runtime.fieldReader.read(checked.fields);
  const { method, target, host, scheme } = checked;
  const request: AdmissionRequest = { method, target, fields, origin: { address, scheme, host } };
  const admission = await admit(request, runtime, now);
  const isOnlyObserved = isObserved(admission, now);
  if (admission.kind !== 'admitted' && !isOnlyObserved) return admission;
  // On observed routes too: the upstream may believe it on another one.
  const alias = runtime.ownedFields.findAlias(checked.fields);
  if (alias !== undefined)
    return denied(
      admission.facts,
      denial('request_malformed', 'an alias of a field of ours, which no answer could take out'),
    );
  if (admission.kind !== 'admitted' || isOnlyObserved) {
    const allowance = asItCame(fields, runtime);
    return { kind: 'allowed', facts: admission.facts, allowance, observed: wouldBeRefusalOf(admission) };
  }
  const misuse = crossSiteRead(admission, request);
  if (misuse !== undefined) return denied(admission.facts, misuse);
  try {
    return {
      kind: 'allowed',
      facts: admission.facts,
      allowance: allowanceFor(admission, request, runtime, now),
    };
  } catch (error) {
    if (error instanceof Outage) return { kind: 'outage', facts: admission.facts, outage: error };
    throw error;
  }
}

function denied(facts: DecisionFacts, refusal: Denial): Extract<Admission, { kind: 'denied' }> {
  return { kind: 'denied', facts, denial: refusal };
}

/**
 * Whether a GET opens a WebSocket cannot be seen behind every proxy. Browsers send Origin with one, and with what a page of another
 * origin reads: with a cookie it has to be ours, or listed.
 */
function crossSiteRead(
  { principal, authority, route }: Admitted,
  { method, fields, origin }: AdmissionRequest,
): Denial | undefined {
  const session = principal?.session;
  const from = fields.values[SLOTS.origin];
  if (session?.isCookie !== true || method !== 'GET' || from === undefined) return undefined;
  const isListed = session.origins.has(from) || route.webSocketOrigins?.has(from) === true;
  if (!isRepeated(fields, SLOTS.origin) && (isListed || from === originOf(origin.scheme, authority)))
    return undefined;
  return denial('origin_forbidden', 'a cookie with an Origin that is neither our own nor listed');
}

function allowanceFor(
  admitted: Admitted,
  request: AdmissionRequest,
  runtime: Runtime,
  now: EpochMilliseconds,
): Allowance {
  const forwarding = runtime.forwardings.get(admitted.route.upstream);
  if (forwarding === undefined) throw new Error(`no upstream ${admitted.route.upstream}`);
  const { fields, origin, method } = request;
  const { path, query } = admitted;
  const written: string[] = forwarding.passesCredential ? [...fields.credentials] : [];
  const authority = authorityFor(forwarding, origin.host ?? admitted.authority.host);
  forwarding.identity.write(
    identityContextOf(admitted, fields, { method, authority, path, query }, now),
    written,
  );
  return complete([...written, 'Cookie', fields.cookies], runtime);
}

/** The proxy in front chooses the target: what the upstream sees is the public name, or a fixed one. */
function authorityFor({ host }: Forwarding, publicAuthority: string): string {
  return typeof host === 'object' ? host.fixed : publicAuthority;
}

/** An observed route: with its own credentials, and without identity. */
function asItCame(fields: ReceivedFields, runtime: Runtime): Allowance {
  return complete([...fields.credentials, 'Cookie', fields.values[SLOTS.cookie] ?? ''], runtime);
}

/** Every field of ours, once: what has no value is empty. */
function complete(written: readonly string[], { ownedFields }: Pick<Runtime, 'ownedFields'>): Allowance {
  const values = new Map<string, string>();
  for (let index = 0; index + 1 < written.length; index += 2)
    values.set((written[index] ?? '').toLowerCase(), written[index + 1] ?? '');
  const valueOf = (name: string) => values.get(name.toLowerCase());
  const { identity, credentials } = ownedFields;
  return {
    fields: [...identity, ...credentials].flatMap((name) => [name, valueOf(name) ?? '']),
    absent: [
      ...identity.filter((name) => valueOf(name) === undefined),
      ...credentials.filter((name) => (valueOf(name) ?? '') === ''),
    ],
  };
}
