import type { FailureBudget } from '../authentication/failure-budget.ts';
import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import { type Client, subjectOfClient } from '../clients/client.ts';
import type { Settings } from '../config/schema/config.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { revocationIdOf } from '../revocation/revocation.ts';
import type { Session } from '../sessions/session.ts';
import { revocationIdsOfSession } from '../sessions/session-principal.ts';
import type { RotationRefusal, SessionService } from '../sessions/session-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type Grant, type Granted, tokenAnswer } from './grant.ts';
import { usableTenant } from './grant-tenant.ts';
import { invalidRequest, type OAuthRefusal, refuse } from './oauth-answer.ts';
import type { Parameters } from './parameters.ts';
import type { IsRevoked } from './revocation-check.ts';
import { chooseScopes } from './scopes.ts';

/**
 * The next access token and refresh token of a session (RFC 6749 §6, RFC 9700 §4.14.2). The access token is made before the rotation is
 * stored and answered with it, so that those who race, or ask again for a lost answer, get one and the same.
 */
export function createRefreshGrant(parts: {
  readonly settings: Pick<Settings, 'tokens'>;
  readonly accessTokens: AccessTokens;
  readonly sessions: Pick<SessionService, 'rotate'>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly failureBudget: FailureBudget;
  readonly isRevoked: IsRevoked;
}): Grant {
  const { accessTokens, sessions, tenants, failureBudget, isRevoked } = parts;
  const { idle, absolute } = parts.settings.tokens.refresh;

  /** Everything that may have been taken back, or be another's, since the session began. */
  function judge(
    session: Session,
    client: Client,
    parameters: Parameters,
    call: EndpointCall,
  ): Result<readonly string[], OAuthRefusal> {
    const { hostTenant, now } = call;
    const asked = parameters.get('tenant');
    if (session.client !== subjectOfClient(client.id))
      return dead(`the refresh token is of ${session.client ?? 'no client'}, not of ${client.id}`);
    if (hostTenant !== undefined && hostTenant !== session.tenant)
      return dead(`session ${session.id} is of tenant ${session.tenant}, not of the host`, 'tenant_mismatch');
    if (asked !== undefined && asked !== session.tenant)
      return dead(`session ${session.id} is of another tenant than asked for`, 'tenant_mismatch');
    const tenant = usableTenant(client, session.tenant, tenants);
    if (!tenant.ok) return tenant;
    const credential = { revocationIds: revocationIdsOfSession(session), issuedAt: session.authenticatedAt };
    if (isRevoked(credential, session.tenant, now))
      return dead(`session ${session.id} is revoked`, 'credential_revoked');
    const granted = session.scopes.filter((scope) => client.scopes.includes(scope));
    return chooseScopes(parameters.get('scope'), granted);
  }

  return async (client, parameters, call) => {
    const refreshToken = parameters.get('refresh_token');
    if (refreshToken === undefined) return invalidRequest('refresh_token is required');
    let judged: Result<readonly string[], OAuthRefusal> | undefined;
    const rotated = await sessions.rotate(
      new Secret(refreshToken),
      { ttl: absolute, absolute, idle },
      {
        kind: 'refresh',
        admit(session) {
          judged = judge(session, client, parameters, call);
          return judged.ok ? ok(true) : err(judged.error.reason ?? judged.error.description);
        },
        async answer({ session, rotating }) {
          const scopes = judged?.ok === true ? judged.value : [];
          const order = { client, tenant: session.tenant, scopes, session };
          return tokenAnswer(await accessTokens.issue(order, call.now), scopes, rotating?.reveal());
        },
      },
      call.now,
    );
    if (rotated.ok) return ok(grantedTo(rotated.value.session, rotated.value.answer));
    if (rotated.error.kind === 'refused' && judged?.ok === false) return judged;
    if (rotated.error.kind === 'unknown') failureBudget.recordFailure(call.peer, call.now);
    return dead(reasonOf(rotated.error), rotated.error.kind === 'expired' ? 'credential_expired' : undefined);
  };
}

function grantedTo({ id, subject, tenant }: Session, body: string): Granted {
  const credentialId = revocationIdOf({ kind: 'session', id });
  return {
    body,
    record: { decision: 'admitted', code: 'admitted', principal: { subject, credentialId }, tenant },
  };
}

function reasonOf(refusal: RotationRefusal): string {
  switch (refusal.kind) {
    case 'unknown':
      return 'the refresh token is unknown';
    case 'expired':
      return `session ${refusal.session.id} of the refresh token has ended by its time`;
    case 'reused':
      return `a refresh token of session ${refusal.session.id} came a second time: the session is ended`;
    case 'refused':
      return refusal.reason;
  }
}

/** One answer for whatever makes a refresh token useless (§5.2). */
function dead(
  reason: string,
  code: OAuthRefusal['code'] = 'credential_invalid',
): { readonly ok: false; readonly error: OAuthRefusal } {
  return refuse({
    error: 'invalid_grant',
    description: 'the refresh token is invalid, expired, revoked or of another client',
    code,
    reason,
  });
}
