import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Jar } from '../sessions/jar.ts';
import type { Session } from '../sessions/session.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { clientOf } from './judge-session.ts';
import { objectionTo } from './meant.ts';
import { type Outcome, refused } from './outcome.ts';
import type { SessionCookies } from './session-cookies.ts';

/**
 * `DELETE /session`. Also what is expired, revoked or of a suspended tenant can be ended; where there is nothing to end, the cookies are
 * deleted all the same.
 */
export async function endSession(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  const presented = cookies.read(call);
  if (!presented.ok) return { kind: 'refused', denial: presented.error };
  const none: Outcome = { kind: 'answered', cookies: cookies.deletions, record: { reason: 'no session' } };
  if (presented.value.session === undefined) return none;
  const found = await parts.sessions.openToEnd(presented.value.session);
  if (found === undefined) return none;
  const { session, jar } = found;
  const client = clientOf(session, parts);
  const principal = principalOfSession(
    { session, jar, jarRevision: 0 },
    { kind: 'cookie', origins: new Set(client?.origins) },
  );
  const details = { client, principal, tenant: session.tenant };
  if (session.host !== call.host)
    return refused('tenant_mismatch', `session ${session.id} was begun on another host`, details);
  const objection = objectionTo(call, client);
  if (objection !== undefined) return refused('csrf_rejected', objection, details);
  await endEntirely(session, jar, parts);
  return {
    kind: 'answered',
    cookies: cookies.deletions,
    client,
    record: { principal, tenant: session.tenant, reason: 'logged out' },
  };
}

/** Ends a session here, then tells the upstream, for which nobody waits. */
export async function endEntirely(
  session: Session,
  jar: Jar,
  { sessions, logins, tenants }: Pick<BrowserSessionParts, 'sessions' | 'logins' | 'tenants'>,
): Promise<void> {
  await sessions.end(session.id);
  const tenant = tenants.find(session.tenant);
  if (tenant !== undefined) void logins.get(session.login)?.logOut(jar, tenant);
}
