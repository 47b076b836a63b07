import { err, ok, type Result } from '../base/result.ts';
import type { EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import { writeCookie } from '../http/cookies.ts';
import type { LoginOutcome, ReadLogin } from '../login/login-bridge.ts';
import type { Principal } from '../principals/principal.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { NewSession } from '../sessions/session-service.ts';
import type { KnownTenant } from '../tenants/tenant-directory.ts';
import { endEntirely } from './end-session.ts';
import {
  crossSiteObjection,
  legacyCookie,
  passedAnswer,
  readLegacyCookie,
  refusalAnswer,
} from './intercepted-answer.ts';
import { authenticateKey } from './intercepted-key.ts';
import type { InterceptedParts, Interception } from './intercepted-parts.ts';
import { tenantOfIntercepted } from './intercepted-tenant.ts';
import { requireCurrentRevocations } from './judge-session.ts';
import { type Refused, refused } from './outcome.ts';

const AGENT_LENGTH = 200;

/** A posted login that the upstream may be asked about. */
interface Posted {
  readonly login: ReadLogin;
  /** The key that the client presented with it. */
  readonly key: Principal | undefined;
  readonly tenant: KnownTenant;
}

/**
 * The login of an old client: is it meant? ─► read it ─► its key ─► its tenant ─► ask the upstream ─► begin a session in place of the one that
 * the client had. What the upstream answers, the client gets, but for the upstream's cookies.
 */
export async function logInIntercepted(
  call: EndpointCall,
  interception: Interception,
  parts: InterceptedParts,
): Promise<EndpointAnswer> {
  const presented = readLegacyCookie(call, interception.cookieName);
  if (!presented.ok) return refusalAnswer(call, { kind: 'refused', denial: presented.error });
  const posted = await readPosted(call, interception, parts);
  if (!posted.ok) return refusalAnswer(call, posted.error);
  const { login, tenant } = posted.value;

  const userAgent = call.field('user-agent') ?? '';
  const { peer, origin, now, forwardable: fields, body } = call;
  const target = call.query === '' ? call.path : `${call.path}?${call.query}`;
  const outcome = await interception.bridge.logIn({
    tenant,
    username: login.username,
    password: login.password,
    peer,
    userAgent,
    origin,
    now,
    received: { target, fields, body },
  });
  if (outcome.kind !== 'accepted') return answerFailed(call, outcome, tenant);

  const { sessions } = parts;
  if (presented.value !== undefined) {
    // Its id may be known to whoever planted it. Before the new one begins, so that nobody is left with both.
    const old = await sessions.openToEnd(presented.value);
    if (old !== undefined) await endEntirely(old.session, old.jar, parts);
  }
  const description = describe(outcome, posted.value, call, interception, parts);
  const begun = await sessions.begin(description);
  const { session } = begun;
  const principal = principalOfSession(
    { session, jar: outcome.jar, jarRevision: 0 },
    { kind: 'cookie', origins: new Set() },
  );
  const revocation = parts.revocations.find(principal, tenant.id, now);
  if (revocation !== undefined) {
    await endEntirely(session, outcome.jar, parts);
    const reason = `whoever logged in is revoked as ${revocation.target.kind}`;
    return refusalAnswer(call, refused('credential_revoked', reason, { principal, tenant: tenant.id }));
  }
  const cookie = writeCookie(legacyCookie(interception.cookieName, call), begun.cookie?.reveal() ?? '');
  const record = { decision: 'admitted', code: 'admitted', reason: 'logged in' } as const;
  return passedAnswer(outcome.answer, { ...record, principal, tenant: tenant.id }, cookie);
}

async function readPosted(
  call: EndpointCall,
  interception: Interception,
  parts: InterceptedParts,
): Promise<Result<Posted, Refused>> {
  const objection = crossSiteObjection(call);
  if (objection !== undefined) return err(refused('csrf_rejected', objection));
  requireCurrentRevocations(parts, call.now);
  const contentType = call.isRepeated('content-type') ? undefined : call.field('content-type');
  const login = interception.bridge.readLogin(contentType, call.body);
  if (login === undefined)
    return err(refused('credential_invalid', 'the body is no login that can be read in one way only'));
  const key = await authenticateKey(call, parts);
  if (!key.ok) return key;
  const tenant = tenantOfIntercepted(call, login.tenant, key.value, interception.login.tenant, parts);
  if (!tenant.ok) return tenant;
  const revocation = key.value && parts.revocations.find(key.value, tenant.value.id, call.now);
  if (revocation !== undefined)
    return err(
      refused('credential_revoked', `the key is revoked as ${revocation.target.kind}`, {
        ...(key.value !== undefined && { principal: key.value }),
        tenant: tenant.value.id,
      }),
    );
  return ok({ login, key: key.value, tenant: tenant.value });
}

function answerFailed(
  call: EndpointCall,
  outcome: Exclude<LoginOutcome, { readonly kind: 'accepted' }>,
  { id: tenant }: KnownTenant,
): EndpointAnswer {
  if (outcome.kind === 'throttled') {
    const { by, retryAfterSeconds } = outcome;
    const reason = `too many failed logins of this ${by}`;
    return refusalAnswer(call, refused('too_many_failures', reason, { tenant, retryAfterSeconds }));
  }
  const { answer, reason } = outcome;
  if (answer === undefined) return refusalAnswer(call, refused('credential_invalid', reason, { tenant }));
  return passedAnswer(answer, { decision: 'denied', code: 'credential_invalid', reason, tenant });
}

function describe(
  { account, jar }: Extract<LoginOutcome, { readonly kind: 'accepted' }>,
  { key, tenant }: Posted,
  call: EndpointCall,
  { bridge, intercept }: Interception,
  { settings: { sessions } }: InterceptedParts,
): NewSession {
  return {
    kind: 'legacy',
    login: bridge.name,
    subject: account.subject,
    user: account.user,
    tenant: tenant.id,
    tenants: account.tenants,
    roles: account.roles,
    scopes: key === undefined ? intercept.scopes : [...key.scopes],
    profile: account.profile,
    ...(key !== undefined && { client: key.subject }),
    host: call.host,
    peer: call.peer,
    agent: (call.field('user-agent') ?? '').slice(0, AGENT_LENGTH),
    jar,
    lives: { ttl: sessions.ttl, absolute: sessions.absolute },
    perUser: sessions.perUser,
  };
}
