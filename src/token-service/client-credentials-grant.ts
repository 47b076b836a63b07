import { ok } from '../base/result.ts';
import { subjectOfClient } from '../clients/client.ts';
import { revocationIdOf } from '../revocation/revocation.ts';
import { OWN_ISSUER } from '../sessions/session-principal.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { AccessTokens } from './access-tokens.ts';
import { type Grant, tokenAnswer } from './grant.ts';
import { chooseTenant } from './grant-tenant.ts';
import { refuse } from './oauth-answer.ts';
import { chooseScopes } from './scopes.ts';

/** A client that acts for itself (RFC 6749 §4.4): an access token alone (§4.4.3), for one tenant. */
export function createClientCredentialsGrant(parts: {
  readonly accessTokens: AccessTokens;
  readonly tenants: Pick<TenantDirectory, 'find'>;
}): Grant {
  const { accessTokens, tenants } = parts;
  return async (client, parameters, call) => {
    if (client.isPublic)
      return refuse({
        error: 'unauthorized_client',
        description: 'a public client cannot act for itself',
        code: 'insufficient_scope',
      });
    const tenant = chooseTenant(
      client,
      { host: call.hostTenant, parameter: parameters.get('tenant') },
      tenants,
    );
    if (!tenant.ok) return tenant;
    const scopes = chooseScopes(parameters.get('scope'), client.scopes);
    if (!scopes.ok) return scopes;
    const order = { client, tenant: tenant.value.id, scopes: scopes.value };
    const accessToken = await accessTokens.issue(order, call.now);
    return ok({
      body: tokenAnswer(accessToken, scopes.value),
      record: {
        decision: 'admitted',
        code: 'admitted',
        principal: {
          subject: subjectOfClient(client.id),
          credentialId: revocationIdOf({ kind: 'token', issuer: OWN_ISSUER, jti: accessToken.id }),
        },
        tenant: tenant.value.id,
      },
    });
  };
}
