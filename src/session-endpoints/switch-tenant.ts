import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Session } from '../sessions/session.ts';
import type { BegunSession } from '../sessions/session-service.ts';
import { parseTenantId } from '../tenants/tenant.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { readJsonBody } from './json-body.ts';
import { findActiveTenant, type JudgedSession, openJudged } from './judge-session.ts';
import { objectionTo } from './meant.ts';
import { type Outcome, refused } from './outcome.ts';
import type { SessionCookies } from './session-cookies.ts';
import { viewOf } from './session-view.ts';

/** Renewals that may come between reading and superseding a session. */
const TRIES = 5;

/** `POST /session/tenant`: the same login under a new id, for another of its tenants. */
export async function switchTenant(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  const body = readJsonBody(call, { tenant: 'text' });
  if (!body.ok) return body.error;
  const presented = cookies.read(call);
  if (!presented.ok) return { kind: 'refused', denial: presented.error };
  const judged = await openJudged(presented.value.session, call, parts);
  if (!judged.ok) return judged.error;
  const { session, client, principal } = judged.value;
  const details = { client, principal, tenant: session.tenant };
  const objection = objectionTo(call, client);
  if (objection !== undefined) return refused('csrf_rejected', objection, details);

  const wanted = parseTenantId(body.value.tenant);
  if (wanted === undefined || !session.tenants.includes(wanted))
    return refused('tenant_mismatch', `session ${session.id} is no member of the tenant named`, details);
  if (call.hostTenant !== undefined && call.hostTenant !== wanted)
    return refused('tenant_mismatch', `the host says ${call.hostTenant}, the body ${wanted}`, details);
  const tenant = findActiveTenant(wanted, client, parts);
  if (!tenant.ok) return { ...tenant.error, denial: { ...tenant.error.denial, principal } };
  if (wanted === session.tenant)
    return {
      kind: 'answered',
      client,
      body: viewOf(session, call.now),
      record: { principal, tenant: wanted },
    };

  const begun = await supersede(judged.value, tenant.value, call, parts);
  if (begun === 'reauthenticate')
    return refused('reauthentication_required', `the upstream wants a login for ${wanted}`, details);
  if (begun === 'ended')
    return refused('credential_revoked', `session ${session.id} has ended meanwhile`, details);
  return {
    kind: 'answered',
    client,
    body: viewOf(begun.session, call.now),
    cookies: cookies.writeBegun(begun, call.now),
    record: {
      principal,
      tenant: wanted,
      reason: `switched from ${session.tenant}, session ${begun.session.id} in place of ${session.id}`,
    },
  };
}

/**
 * From the moment that the upstream is asked to switch, what it gave the old session may act for the new tenant: if no new session comes of
 * it, for whatever reason, the old one ends too. Only where the upstream refuses does it go on.
 */
async function supersede(
  { session, jar }: JudgedSession,
  tenant: KnownTenant,
  { now }: EndpointCall,
  { sessions, logins }: BrowserSessionParts,
): Promise<BegunSession | 'reauthenticate' | 'ended'> {
  let mayGoOn = false;
  try {
    const switched = await logins.get(session.login)?.switchTenant(jar, tenant);
    mayGoOn = switched?.kind !== 'switched';
    if (switched?.kind !== 'switched') return 'reauthenticate';
    let current: Session | undefined = session;
    for (let tries = 0; tries < TRIES && current !== undefined; tries += 1) {
      const begun = await sessions.switchTenant(current, tenant.id, switched.jar, now);
      mayGoOn = begun.ok;
      if (begun.ok) return begun.value;
      current = begun.error === 'absent' ? undefined : (await sessions.find(session.id, now))?.session;
    }
    return 'ended';
  } finally {
    if (!mayGoOn) await sessions.end(session.id);
  }
}
