import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { type JudgedSession, openJudged } from './judge-session.ts';
import { objectionTo } from './meant.ts';
import { type Outcome, type Refused, refused } from './outcome.ts';
import { findContradiction, tradeRememberMe } from './remember-me.ts';
import type { SessionCookies } from './session-cookies.ts';
import { viewOf } from './session-view.ts';

/**
 * `POST /session/refresh`. With a live session cookie the session gets a new life within its absolute end; its cookie stays, since it has
 * no life of its own, and writing it anew might overwrite that of a later login in another tab. Without one, the remember-me cookie is traded
 * for a new session cookie and its own successor.
 */
export async function refreshSession(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  const presented = cookies.read(call);
  if (!presented.ok) return { kind: 'refused', denial: presented.error };
  const { session: cookie } = presented.value;
  const rememberMe =
    parts.settings.sessions.rememberMe === undefined ? undefined : presented.value.rememberMe;
  const judged = await openJudged(cookie, call, parts);
  if (!judged.ok) {
    if (rememberMe === undefined || !isOver(judged.error)) return judged.error;
    return tradeRememberMe(rememberMe, judged.error.session, call, parts, cookies);
  }
  const { client, principal, session } = judged.value;
  const objection = objectionTo(call, client);
  if (objection !== undefined)
    return refused('csrf_rejected', objection, { client, principal, tenant: session.tenant });
  const contradiction =
    rememberMe === undefined
      ? undefined
      : await findContradiction(rememberMe, judged.value, call, parts, cookies);
  return contradiction ?? renew(judged.value, call, parts);
}

/** There is no session any more, which is what remember-me is for. What is there and not good here is refused. */
function isOver({ denial: { code }, session }: Refused): boolean {
  return (
    code === 'credential_missing' ||
    code === 'credential_expired' ||
    (code === 'credential_invalid' && session === undefined)
  );
}

async function renew(
  judged: JudgedSession,
  call: EndpointCall,
  parts: BrowserSessionParts,
): Promise<Outcome> {
  const { client, principal, tenant } = judged;
  const renewed = await parts.sessions.renew(judged.session, parts.settings.sessions.ttl, call.now);
  const details = { client, principal, tenant: tenant.id };
  if (renewed === undefined)
    return refused('credential_revoked', `session ${judged.session.id} has ended meanwhile`, details);
  return {
    kind: 'answered',
    client,
    body: viewOf(renewed, call.now),
    record: { principal, tenant: tenant.id, reason: 'renewed' },
  };
}
