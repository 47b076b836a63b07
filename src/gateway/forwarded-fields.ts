import type { EpochMilliseconds } from '../base/clock.ts';
import { type ReceivedFields, SLOTS } from '../http/received-fields.ts';
import type { Jar } from '../sessions/jar.ts';
import { cookieFieldFor } from '../sessions/kept-cookies.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Target } from '../upstream/upstream.ts';
import type { Admitted } from './admit.ts';
import { identityContextOf } from './identity-context.ts';
import type { Origin } from './peer.ts';
import type { Forwarding } from './runtime.ts';

/**
 * The one place where forwarded fields are made: what the field reader let pass (no hop-by-hop or nominated field, no
 * credential, nothing that we or a trusted hop own in any spelling), then ours. Called once per attempt, since identity
 * may be bound to the target's authority; each call begins anew from what was received.
 */
export function createForwardedFields(
  admitted: Admitted,
  received: ReceivedFields,
  origin: Origin,
  forwarding: Forwarding,
  target: { readonly path: string; readonly query: string },
  method: string,
  now: EpochMilliseconds,
): (target: Target) => string[] {
  const fields = received.forwardable;
  const receivedCount = fields.length;
  // Without a trace of the client's there is none to continue: who has one started it in front of us.
  const traceparent = received.values[SLOTS.traceparent];
  const trace = traceparent === undefined ? undefined : continueTrace(traceparent);
  const tracestate = trace?.isContinued === true ? received.values[SLOTS.tracestate] : undefined;
  const jar = jarFor(admitted, forwarding);
  const own = forwarding.passesCookies ? (received.values[SLOTS.cookie] ?? '') : received.cookies;
  const kept =
    jar === undefined ? undefined : cookieFieldFor(jar, forwarding.upstream.name, target.path, now);
  const cookie = kept === undefined || own === '' ? own + (kept ?? '') : `${own}; ${kept}`;
  const publicAuthority = origin.host ?? admitted.authority.host;

  return (upstreamTarget) => {
    fields.length = receivedCount;
    const authority = hostFor(forwarding, upstreamTarget, publicAuthority);
    fields.push(
      'Host',
      authority,
      'X-Forwarded-Proto',
      origin.scheme,
      'X-Forwarded-Host',
      publicAuthority,
      'Via',
      '1.1 gatehouse',
    );
    // Who comes by a socket file has no address.
    if (origin.address !== '') fields.push('X-Forwarded-For', origin.address);
    if (trace !== undefined) fields.push('Traceparent', trace.traceparent);
    if (tracestate !== undefined) fields.push('Tracestate', tracestate);
    if (forwarding.passesCredential) fields.push(...received.credentials);
    if (cookie !== '') fields.push('Cookie', cookie);
    if (jar !== undefined) pushKeptFields(fields, jar, forwarding.upstream.name);
    forwarding.identity.write(
      identityContextOf(
        admitted,
        received,
        { method, authority, path: target.path, query: target.query },
        now,
      ),
      fields,
    );
    return fields;
  };
}

function hostFor(forwarding: Forwarding, target: Target, publicAuthority: string): string {
  if (forwarding.host === 'upstream') return target.authority;
  return forwarding.host === 'preserve' ? publicAuthority : forwarding.host.fixed;
}

/** What a login kept goes with the requests of its session, to the upstream of that login and no other. */
export function jarFor(
  { principal }: Pick<Admitted, 'principal'>,
  { keptLogins }: Pick<Forwarding, 'keptLogins'>,
): Jar | undefined {
  const session = principal?.session;
  return session !== undefined && keptLogins?.has(session.login) === true ? session.jar : undefined;
}

function pushKeptFields(fields: string[], jar: Jar, upstream: string): void {
  for (const kept of jar.fields) if (kept.upstream === upstream) fields.push(kept.name, kept.value);
}
