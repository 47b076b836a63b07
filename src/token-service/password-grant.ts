import { ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import { type Client, subjectOfClient } from '../clients/client.ts';
import type { Settings } from '../config/schema/config.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { LoginBridge, LoginOutcome } from '../login/login-bridge.ts';
import { revocationIdOf } from '../revocation/revocation.ts';
import type { NewSession, SessionService } from '../sessions/session-service.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { KnownTenant, TenantDirectory } from '../tenants/tenant-directory.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type Grant, tokenAnswer } from './grant.ts';
import { chooseTenant } from './grant-tenant.ts';
import { invalidRequest, type OAuthRefusal, refuse } from './oauth-answer.ts';
import type { IsRevoked } from './revocation-check.ts';
import { chooseScopes } from './scopes.ts';

type Accepted = Extract<LoginOutcome, { kind: 'accepted' }>;

const MAX_AGENT_LENGTH = 200;

/**
 * A user's password in the hands of a client (RFC 6749 §4.3): for old programs alone (RFC 9700 §2.4), so a client has to list it. The
 * upstream checks the password; what begins is a session of kind `token`.
 */
export function createPasswordGrant(parts: {
  readonly settings: Pick<Settings, 'tokens' | 'sessions' | 'login'>;
  readonly accessTokens: AccessTokens;
  readonly sessions: Pick<SessionService, 'begin' | 'end'>;
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly isRevoked: IsRevoked;
}): Grant {
  const { settings, accessTokens, sessions, logins, tenants, isRevoked } = parts;
  const { access, refresh } = settings.tokens;

  function sessionOf(
    client: Client,
    { account, jar }: Accepted,
    login: string,
    tenant: TenantId,
    scopes: readonly string[],
    call: EndpointCall,
  ): NewSession {
    const rotates = client.grants.includes('refresh_token');
    const absolute = rotates ? refresh.absolute : access;
    const others = account.tenants.filter((each) => each !== tenant && isAllowed(client, each));
    return {
      kind: 'token',
      login,
      subject: account.subject,
      user: account.user,
      tenant,
      tenants: [tenant, ...others],
      roles: account.roles,
      scopes,
      profile: account.profile,
      client: subjectOfClient(client.id),
      clientId: client.id,
      host: call.host,
      peer: call.peer,
      agent: (call.field('user-agent') ?? '').slice(0, MAX_AGENT_LENGTH),
      jar,
      lives: { ttl: absolute, absolute },
      ...(rotates && { rotation: { idle: refresh.idle, absolute } }),
      perUser: settings.sessions.perUser,
    };
  }

  return async (client, parameters, call) => {
    const bridge = client.login === undefined ? undefined : logins.get(client.login);
    if (bridge === undefined)
      return refuse({
        error: 'unauthorized_client',
        description: 'the client has no users',
        code: 'insufficient_scope',
      });
    const username = parameters.get('username');
    const password = parameters.get('password');
    if (username === undefined || password === undefined)
      return invalidRequest('username and password are required');
    const scopes = chooseScopes(parameters.get('scope'), client.scopes);
    if (!scopes.ok) return scopes;
    const selecting = settings.login[bridge.name]?.tenant ?? [];
    const sources = { host: call.hostTenant, parameter: parameters.get('tenant'), selecting };
    const tenant = chooseTenant(client, sources, tenants);
    // A tenant that there is not looks like a password that is not right.
    if (!tenant.ok) return tenant.error.error === 'invalid_grant' ? wrong(tenant.error) : tenant;
    const outcome = await bridge.logIn({
      tenant: tenant.value,
      username,
      password: new Secret(password),
      peer: call.peer,
      userAgent: call.field('user-agent') ?? '',
      origin: call.origin,
      now: call.now,
    });
    const accepted = readOutcome(outcome, tenant.value.id);
    if (!accepted.ok) return accepted;
    const { account, jar } = accepted.value;
    if (isBlocked(account.subject, tenant.value, call)) {
      await bridge.logOut(jar, tenant.value);
      return wrong({ code: 'credential_revoked', reason: `${account.subject} is revoked` });
    }
    const begun = await sessions.begin(
      sessionOf(client, accepted.value, bridge.name, tenant.value.id, scopes.value, call),
    );
    const { session, rotating } = begun;
    const order = { client, tenant: session.tenant, scopes: scopes.value, session };
    const accessToken = await accessTokens.issue(order, call.now).catch(async (error: unknown) => {
      // Nobody will ever hold anything of this session.
      await sessions.end(session.id).catch(() => undefined);
      throw error;
    });
    return ok({
      body: tokenAnswer(accessToken, scopes.value, rotating?.reveal()),
      record: {
        decision: 'admitted',
        code: 'admitted',
        principal: {
          subject: session.subject,
          credentialId: revocationIdOf({ kind: 'session', id: session.id }),
        },
        tenant: session.tenant,
      },
    });
  };

  function isBlocked(subject: string, { id }: KnownTenant, { now }: EndpointCall): boolean {
    return isRevoked(
      { revocationIds: [revocationIdOf({ kind: 'subject', subject })], issuedAt: now },
      id,
      now,
    );
  }
}

function isAllowed({ tenants }: Client, id: TenantId): boolean {
  return tenants === 'any' || tenants.includes(id);
}

function readOutcome(outcome: LoginOutcome, tenant: TenantId): Result<Accepted, OAuthRefusal> {
  switch (outcome.kind) {
    case 'accepted':
      return ok(outcome);
    case 'rejected':
      return wrong({ code: 'credential_invalid', reason: outcome.reason, tenant });
    case 'throttled':
      return refuse({
        error: 'temporarily_unavailable',
        description: 'too many failed logins: try again later',
        code: 'too_many_failures',
        reason: `too many failed logins, counted by ${outcome.by}`,
        retryAfterSeconds: outcome.retryAfterSeconds,
        tenant,
      });
  }
}

/** One answer, whatever of tenant, user and password is not right. */
function wrong(why: Pick<OAuthRefusal, 'code' | 'reason' | 'tenant'>): {
  readonly ok: false;
  readonly error: OAuthRefusal;
} {
  return refuse({ ...why, error: 'invalid_grant', description: 'wrong user name or password' });
}
