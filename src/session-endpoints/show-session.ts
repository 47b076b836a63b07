import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { openJudged } from './judge-session.ts';
import type { Outcome } from './outcome.ts';
import type { SessionCookies } from './session-cookies.ts';
import { viewOf } from './session-view.ts';

/** `GET /session`: what the session is, and how long it still lives. Extends nothing. */
export async function showSession(
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  const presented = cookies.read(call);
  if (!presented.ok) return { kind: 'refused', denial: presented.error };
  const judged = await openJudged(presented.value.session, call, parts);
  if (!judged.ok) return judged.error;
  const { session, client, principal } = judged.value;
  return {
    kind: 'answered',
    client,
    body: viewOf(session, call.now),
    record: { principal, tenant: session.tenant },
  };
}
