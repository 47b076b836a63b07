import type { EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import { deleteCookie } from '../http/cookies.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import {
  crossSiteObjection,
  legacyCookie,
  passedAnswer,
  readLegacyCookie,
  refusalAnswer,
} from './intercepted-answer.ts';
import type { InterceptedParts, Interception } from './intercepted-parts.ts';
import { refused } from './outcome.ts';

/**
 * The logout of an old client: its session ends, then the upstream is sent the client's own request with the cookies that it was kept, and
 * its answer passes. Where there is nothing to end, or the upstream does not answer, 204. The cookie is deleted in any case.
 */
export async function logOutIntercepted(
  call: EndpointCall,
  { bridge, cookieName }: Interception,
  parts: InterceptedParts,
): Promise<EndpointAnswer> {
  const objection = crossSiteObjection(call);
  if (objection !== undefined) return refusalAnswer(call, refused('csrf_rejected', objection));
  const presented = readLegacyCookie(call, cookieName);
  if (!presented.ok) return refusalAnswer(call, { kind: 'refused', denial: presented.error });
  const deletion = deleteCookie(legacyCookie(cookieName, call));
  const admitted = { decision: 'admitted', code: 'admitted' } as const;
  const nothing = { status: 204, fields: [], body: Buffer.alloc(0) };

  const found = presented.value && (await parts.sessions.openToEnd(presented.value));
  if (found === undefined || found.session.login !== bridge.name)
    return passedAnswer(nothing, { ...admitted, reason: 'no session' }, deletion);

  const { session, jar } = found;
  const { credentialId, subject } = principalOfSession(
    { session, jar, jarRevision: 0 },
    { kind: 'cookie', origins: new Set() },
  );
  const record = { principal: { credentialId, subject }, tenant: session.tenant };
  if (session.host !== call.host) {
    const reason = `session ${session.id} was begun on another host`;
    return refusalAnswer(call, refused('credential_invalid', reason, { tenant: session.tenant }));
  }
  await parts.sessions.end(session.id);
  const tenant = parts.tenants.find(session.tenant);
  const target = call.query === '' ? call.path : `${call.path}?${call.query}`;
  const { forwardable: fields, body, origin, peer } = call;
  const answer = tenant && (await bridge.logOut(jar, tenant, { target, fields, body, origin, peer }));
  return passedAnswer(answer ?? nothing, { ...admitted, ...record, reason: 'logged out' }, deletion);
}
