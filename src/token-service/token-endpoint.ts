import { GRANT_TYPES, type GrantType } from '../clients/client.ts';
import type { EndpointAnswer, EndpointCall } from '../endpoints/endpoint.ts';
import type { AuthenticateClient } from './client-authentication.ts';
import type { Grants } from './grant.ts';
import { answerJson, answerRefusal, invalidRequest, type OAuthRefusal, refuse } from './oauth-answer.ts';
import { readParameters } from './parameters.ts';

/** The token endpoint (RFC 6749 §3.2): who asks, may it, and what does it get. Throws `Outage`. */
export function createTokenEndpoint(
  authenticate: AuthenticateClient,
  grants: Grants,
): (call: EndpointCall) => Promise<EndpointAnswer> {
  return async (call) => {
    const parameters = readParameters(call);
    if (!parameters.ok) return answerRefusal(parameters.error);
    const client = await authenticate(call, parameters.value);
    if (!client.ok) return answerRefusal(client.error);
    const requested = parameters.value.get('grant_type');
    if (requested === undefined) return answerRefusal(invalidRequest('grant_type is required').error);
    const type = GRANT_TYPES.find((known) => known === requested);
    if (type === undefined) return answerRefusal(UNSUPPORTED);
    if (!client.value.grants.includes(type)) return answerRefusal(forbidden(type));
    const granted = await grants[type](client.value, parameters.value, call);
    return granted.ok ? answerJson(granted.value.body, granted.value.record) : answerRefusal(granted.error);
  };
}

const UNSUPPORTED: OAuthRefusal = {
  error: 'unsupported_grant_type',
  description: 'there is no such grant_type',
  code: 'request_malformed',
};

function forbidden(type: GrantType): OAuthRefusal {
  return refuse({
    error: 'unauthorized_client',
    description: `the client does not list the grant ${type}`,
    code: 'insufficient_scope',
  }).error;
}
