import type { Result } from '../base/result.ts';
import type { Client, GrantType } from '../clients/client.ts';
import type { EndpointCall, EndpointRecord } from '../endpoints/endpoint.ts';
import type { Json } from '../principals/principal.ts';
import type { IssuedAccessToken } from './access-tokens.ts';
import type { OAuthRefusal } from './oauth-answer.ts';
import type { Parameters } from './parameters.ts';

/** What a grant gives: the JSON of the answer, and what the log is told. */
export interface Granted {
  readonly body: string;
  readonly record: EndpointRecord;
}

/** One grant type, for a client that is authenticated and may use it. Throws `Outage`. */
export type Grant = (
  client: Client,
  parameters: Parameters,
  call: EndpointCall,
) => Promise<Result<Granted, OAuthRefusal>>;

/** One per grant type; a missing one does not compile. */
export type Grants = Readonly<Record<GrantType, Grant>>;

/** The answer of RFC 6749 §5.1. `scope` is always told, unless there is none. */
export function tokenAnswer(
  accessToken: IssuedAccessToken,
  scopes: readonly string[],
  refreshToken?: string,
): string {
  const answer: { readonly [name: string]: Json } = {
    access_token: accessToken.text,
    token_type: 'Bearer',
    expires_in: accessToken.expiresInSeconds,
    ...(refreshToken !== undefined && { refresh_token: refreshToken }),
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
  };
  return JSON.stringify(answer);
}
