import { err, ok } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { EMPTY_JAR } from '../sessions/jar.ts';
import type { Session } from '../sessions/session.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { RotationOptions, SessionService } from '../sessions/session-service.ts';
import type { BrowserSessionParts } from './browser-session-parts.ts';
import { endEntirely } from './end-session.ts';
import { clientOf, type JudgedSession, judgeSession, requireCurrentRevocations } from './judge-session.ts';
import { objectionTo } from './meant.ts';
import { type Outcome, type Refused, refused } from './outcome.ts';
import type { SessionCookies, WrittenCookies } from './session-cookies.ts';
import { viewOf } from './session-view.ts';

/**
 * Trades a remember-me cookie for a session cookie and its own successor. `over`: the session of the cookie beside it, which has
 * expired. Of many who ask at once, all get the same answer.
 */
export async function tradeRememberMe(
  rememberMe: Secret,
  over: Session | undefined,
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Outcome> {
  requireCurrentRevocations(parts, call.now);
  const rotated = await rotate(rememberMe, call, parts, {
    admit(session) {
      if (over !== undefined && over.subject !== session.subject) return err('another subject');
      const refusal = refusalOf(session, call, parts);
      return refusal === undefined ? ok(true) : err(refusal.denial.reason);
    },
    answer: ({ cookie, rotating }) =>
      Promise.resolve(JSON.stringify({ cookie: cookie?.reveal(), rememberMe: rotating?.reveal() })),
  });
  if (rotated.ok) {
    const { session, answer, isRepeated } = rotated.value;
    return {
      kind: 'answered',
      client: clientOf(session, parts),
      body: viewOf(session, call.now),
      cookies: cookies.write(JSON.parse(answer) as WrittenCookies, session, call.now),
      record: {
        principal: principalOf(session),
        tenant: session.tenant,
        reason: isRepeated ? 'remembered, answered once more' : 'remembered',
      },
    };
  }
  const { error } = rotated;
  if (error.kind === 'unknown')
    return refused('credential_invalid', 'the remember-me cookie is unknown, or its session has ended');
  const details = detailsOf(error.session, parts);
  if (error.kind === 'reused') return refuseReused(error.session, parts, cookies);
  if (error.kind === 'expired')
    return refused('credential_expired', `remember-me of session ${error.session.id} has expired`, details);
  if (over !== undefined && over.subject !== error.session.subject) {
    await parts.sessions.end(over.id);
    await parts.sessions.end(error.session.id);
    return refuseOfTwo(over, error.session, parts, cookies);
  }
  return refusalOf(error.session, call, parts) ?? refused('credential_invalid', error.reason, details);
}

/**
 * What speaks against a remember-me cookie that came along with that of a live session; `undefined`: nothing. It is compared, not
 * traded. One that is dead does no harm.
 */
export async function findContradiction(
  rememberMe: Secret,
  live: JudgedSession,
  call: EndpointCall,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Promise<Refused | undefined> {
  const compared = await rotate(rememberMe, call, parts, {
    admit: () => err('it came with a live session'),
    answer: () => Promise.resolve(''),
  });
  if (compared.ok || compared.error.kind !== 'refused') return undefined;
  const { session } = compared.error;
  if (session.subject === live.session.subject) return undefined;
  await endEntirely(live.session, live.jar, parts);
  await parts.sessions.end(session.id);
  return refuseOfTwo(live.session, session, parts, cookies);
}

function rotate(
  rememberMe: Secret,
  { now }: EndpointCall,
  { sessions, settings }: BrowserSessionParts,
  options: Pick<RotationOptions, 'admit' | 'answer'>,
): ReturnType<SessionService['rotate']> {
  const { ttl, absolute, rememberMe: idle = 0 } = settings.sessions;
  return sessions.rotate(rememberMe, { ttl, absolute, idle }, { kind: 'rememberMe', ...options }, now);
}

/** Why a session is not begun anew here and now. */
function refusalOf(session: Session, call: EndpointCall, parts: BrowserSessionParts): Refused | undefined {
  const judged = judgeSession({ session, jar: EMPTY_JAR, jarRevision: 0 }, call, parts);
  if (!judged.ok) return judged.error;
  const objection = objectionTo(call, judged.value.client);
  return objection === undefined ? undefined : refused('csrf_rejected', objection, detailsOf(session, parts));
}

function refuseReused(session: Session, parts: BrowserSessionParts, cookies: SessionCookies): Refused {
  return refused(
    'credential_invalid',
    `an old remember-me cookie came back, so session ${session.id} has been ended`,
    { ...detailsOf(session, parts), cookies: cookies.deletions },
  );
}

function refuseOfTwo(
  first: Session,
  second: Session,
  parts: BrowserSessionParts,
  cookies: SessionCookies,
): Refused {
  return refused(
    'credential_invalid',
    `two cookies of different subjects, so sessions ${first.id} and ${second.id} have been ended`,
    { ...detailsOf(first, parts), cookies: cookies.deletions },
  );
}

function detailsOf(session: Session, parts: BrowserSessionParts) {
  return {
    client: clientOf(session, parts),
    session,
    principal: principalOf(session),
    tenant: session.tenant,
  };
}

/** For the record. */
function principalOf(session: Session) {
  return principalOfSession(
    { session, jar: EMPTY_JAR, jarRevision: 0 },
    { kind: 'cookie', origins: new Set() },
  );
}
