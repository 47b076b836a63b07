import type { EpochMilliseconds } from '../base/clock.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { Session } from './session.ts';
import {
  type DrawnCredential,
  type DrawnRotating,
  drawCookie,
  drawRotating,
  drawSessionId,
  type RotatingKind,
} from './session-credential.ts';
import type { BegunSession, NewSession } from './session-service.ts';

/** The first record of a login, under an id and with credentials that were drawn for it. */
export function newSession(login: NewSession, now: EpochMilliseconds): BegunSession {
  const { lives, rotation } = login;
  const id = drawSessionId();
  const rotationEnd = rotation === undefined ? undefined : now + rotation.absolute;
  const isToken = login.kind === 'token';
  const absoluteEnd = isToken ? (rotationEnd ?? now + lives.ttl) : now + lives.absolute;
  const cookie = isToken ? undefined : drawCookie(id);
  const rotating = rotation === undefined ? undefined : drawRotating(rotatingKindOf(login), id);
  const session: Session = {
    id,
    kind: login.kind,
    login: login.login,
    subject: login.subject,
    user: login.user,
    tenant: login.tenant,
    tenants: login.tenants,
    roles: login.roles,
    scopes: login.scopes,
    profile: login.profile,
    ...(login.client !== undefined && { client: login.client }),
    ...(login.clientId !== undefined && { clientId: login.clientId }),
    host: login.host,
    peer: login.peer,
    agent: login.agent,
    authenticatedAt: now,
    expiresAt: isToken ? absoluteEnd : Math.min(now + lives.ttl, absoluteEnd),
    absoluteEnd,
    ...(cookie !== undefined && { cookieDigest: cookie.digest }),
    ...(rotating !== undefined &&
      rotation !== undefined && {
        rotation: {
          ...digestsOf(rotating),
          idleEnd: now + Math.min(rotation.idle, rotation.absolute),
          absoluteEnd: now + rotation.absolute,
        },
      }),
    revision: 1,
  };
  return begun(session, cookie, rotating);
}

/** The same login for another of its tenants: a new id, new credentials of the same kinds, and not a moment more to live. */
export function switchedSession(session: Session, tenant: TenantId): BegunSession {
  const { cookieDigest, rotation, ...rest } = session;
  const id = drawSessionId();
  const cookie = cookieDigest === undefined ? undefined : drawCookie(id);
  const rotating = rotation === undefined ? undefined : drawRotating(rotatingKindOf(session), id);
  const switched: Session = {
    ...rest,
    id,
    tenant,
    ...(cookie !== undefined && { cookieDigest: cookie.digest }),
    ...(rotating !== undefined &&
      rotation !== undefined && {
        rotation: {
          ...digestsOf(rotating),
          idleEnd: rotation.idleEnd,
          absoluteEnd: rotation.absoluteEnd,
        },
      }),
    revision: 1,
  };
  return begun(switched, cookie, rotating);
}

export function begun(
  session: Session,
  cookie: DrawnCredential | undefined,
  rotating: DrawnRotating | undefined,
): BegunSession {
  return {
    session,
    ...(cookie !== undefined && { cookie: cookie.text }),
    ...(rotating !== undefined && { rotating: rotating.text }),
  };
}

function digestsOf({ familyDigest, digest }: DrawnRotating) {
  return { familyDigest, currentDigest: digest };
}

function rotatingKindOf({ kind }: Pick<Session, 'kind'>): RotatingKind {
  return kind === 'token' ? 'refresh' : 'rememberMe';
}
