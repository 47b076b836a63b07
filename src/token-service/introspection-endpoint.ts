import { hash } from 'node:crypto';
import type { TokenJudge } from '../authentication/access-token-verifier.ts';
import type { OwnTokenReader, ProvenToken } from '../authentication/own-tokens.ts';
import { type Client, subjectOfClient } from '../clients/client.ts';
import type { EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import type { Json, Principal } from '../principals/principal.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { AuthenticateClient } from './client-authentication.ts';
import { unauthenticated } from './client-credentials.ts';
import { usableTenant } from './grant-tenant.ts';
import { answerJson, answerRefusal, invalidRequest } from './oauth-answer.ts';
import { readParameters } from './parameters.ts';
import type { IsRevoked } from './revocation-check.ts';

export interface IntrospectionEndpointParts {
  readonly authenticate: AuthenticateClient;
  readonly readToken: OwnTokenReader;
  readonly judge: TokenJudge;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly isRevoked: IsRevoked;
  readonly issuer: string;
  readonly audience: string;
}

type Answer = { readonly [name: string]: Json };

const INACTIVE: Answer = { active: false };

/**
 * The introspection endpoint (RFC 7662), for confidential clients: whoever may ask can try out tokens (§2.1, §4). Only access tokens are
 * active: others have no business with a refresh token. Whatever the caller may not know of is as inactive as what there is not (§2.2).
 */
export function createIntrospectionEndpoint(
  parts: IntrospectionEndpointParts,
): (call: EndpointCall) => Promise<EndpointAnswer> {
  const { authenticate, readToken, judge, tenants, isRevoked } = parts;

  async function introspect(text: string, caller: Client, call: EndpointCall): Promise<Answer> {
    const token = await readToken(text, hash('sha256', text), call.now);
    if (token?.ok !== true) return INACTIVE;
    const verification = await judge(token.value, call.now);
    if (verification.kind !== 'accepted') return INACTIVE;
    const { principal } = verification;
    const [tenant] = principal.tenants;
    if (!usableTenant(caller, tenant, tenants).ok || isRevoked(principal, tenant, call.now)) return INACTIVE;
    return describe(token.value, principal, parts);
  }

  return async (call) => {
    const parameters = readParameters(call);
    if (!parameters.ok) return answerRefusal(parameters.error);
    const caller = await authenticate(call, parameters.value);
    if (!caller.ok) return answerRefusal(caller.error);
    if (caller.value.isPublic)
      return answerRefusal(unauthenticated(`${caller.value.id} is public: anyone could be it`).error);
    const text = parameters.value.get('token');
    if (text === undefined) return answerRefusal(invalidRequest('token is required').error);
    const answer = await introspect(text, caller.value, call);
    const subject = subjectOfClient(caller.value.id);
    return answerJson(answer, {
      decision: 'admitted',
      code: 'admitted',
      principal: { subject, credentialId: subject },
    });
  };
}

/** RFC 7662 §2.2, with `tenant` and `roles`. */
function describe(
  token: ProvenToken,
  principal: Principal,
  { issuer, audience }: Pick<IntrospectionEndpointParts, 'issuer' | 'audience'>,
): Answer {
  const scope = [...principal.scopes].join(' ');
  return {
    active: true,
    token_type: 'Bearer',
    client_id: token.client,
    sub: principal.subject,
    ...(principal.userId !== undefined && { username: principal.userId }),
    ...(scope !== '' && { scope }),
    tenant: principal.tenants[0],
    roles: [...principal.roles],
    iss: issuer,
    aud: audience,
    iat: Math.floor(token.issuedAt / 1000),
    exp: Math.floor((principal.expiresAt ?? token.expiresAt) / 1000),
    ...(principal.authenticatedAt !== undefined && { auth_time: principal.authenticatedAt }),
    jti: token.id,
  };
}
