import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Jar } from '../sessions/jar.ts';
import type { Session } from '../sessions/session.ts';
import type { BegunSession } from '../sessions/session-service.ts';
import { parseTenantId, type TenantId } from '../tenants/tenant.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { readJsonBody } from './json-body.ts';
import { findActiveTenant, openJudged } from './judge-session.ts';
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
  const { session, jar, client, principal } = judged.value;
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

  const bridge = parts.logins.get(session.login);
  const switched = await bridge?.switchTenant(jar, tenant.value);
  if (switched?.kind !== 'switched')
    return refused('reauthentication_required', `the upstream wants a login for ${wanted}`, details);
  const begun = await supersede(session, wanted, switched.jar, call, parts);
  if (begun === undefined)
    return refused('credential_revoked', `session ${session.id} has ended meanwhile`, details);
  return {
    kind: 'answered',
    client,
    body: viewOf(begun.session, call.now),
    cookies: cookies.write(
      { cookie: begun.cookie?.reveal() ?? '', rememberMe: begun.rotating?.reveal() },
      begun.session,
      call.now,
    ),
    record: {
      principal,
      tenant: wanted,
      reason: `switched from ${session.tenant}, session ${begun.session.id} in place of ${session.id}`,
    },
  };
}

/**
 * Once the upstream has switched, what it gave the old session may act for the new tenant: if no new session comes of it, the old one is
 * ended too.
 */
async function supersede(
  session: Session,
  tenant: TenantId,
  jar: Jar,
  { now }: EndpointCall,
  { sessions }: BrowserSessionParts,
): Promise<BegunSession | undefined> {
  let current: Session | undefined = session;
  let isDone = false;
  try {
    for (let tries = 0; tries < TRIES && current !== undefined; tries += 1) {
      const begun = await sessions.switchTenant(current, tenant, jar, now);
      isDone = begun.ok;
      if (begun.ok) return begun.value;
      current = begun.error === 'absent' ? undefined : (await sessions.find(session.id, now))?.session;
    }
    return undefined;
  } finally {
    if (!isDone) await sessions.end(session.id);
  }
}
