import { ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { invalidRequest, type OAuthRefusal, refuse } from './oauth-answer.ts';
import { decodeForm, type Parameters } from './parameters.ts';

/** How a client says who it is (RFC 6749 §2.3). */
export interface PresentedClient {
  readonly id: string;
  /** Absent: a public client, which has none (§3.2.1). */
  readonly secret?: Secret;
}

const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Reads `client_secret_basic`, `client_secret_post` or the bare `client_id` of a public client. Never two methods at once (§2.3);
 * `client_id` in the body beside Basic is allowed if it says the same.
 */
export function readClientCredentials(
  call: EndpointCall,
  parameters: Parameters,
): Result<PresentedClient, OAuthRefusal> {
  const field = call.field('authorization');
  const id = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  if (call.isRepeated('authorization')) return invalidRequest('Authorization is there more than once');
  const hasAssertion = parameters.has('client_assertion') || parameters.has('client_assertion_type');
  const methods = [field, secret, hasAssertion ? '' : undefined].filter((each) => each !== undefined);
  if (methods.length > 1) return invalidRequest('the client authenticates in more than one way');
  if (hasAssertion) return unauthenticated('client_assertion is no method of this server');
  if (field !== undefined) {
    const basic = readBasic(field);
    if (basic === undefined) return unauthenticated('Authorization is no Basic credential');
    return id === undefined || id === basic.id
      ? ok(basic)
      : invalidRequest('client_id is another one than that of Authorization');
  }
  if (id === undefined) return unauthenticated('no client_id was sent', 'credential_missing');
  return ok({ id, ...(secret !== undefined && { secret: new Secret(secret) }) });
}

/**
 * Id and secret are form-encoded before they are put together (§2.3.1), so that either may hold a colon. An empty secret is none, as
 * in the body: libraries that find out by trying begin with Basic for public clients too.
 */
function readBasic(field: string): PresentedClient | undefined {
  const encoded = BASIC.exec(field)?.[1];
  if (encoded === undefined) return undefined;
  const pair = Buffer.from(encoded, 'base64').toString('latin1');
  const colon = pair.indexOf(':');
  if (colon === -1) return undefined;
  const id = decodeForm(pair.slice(0, colon));
  const secret = decodeForm(pair.slice(colon + 1));
  if (id === undefined || secret === undefined) return undefined;
  return { id, ...(secret !== '' && { secret: new Secret(secret) }) };
}

/** One answer for whatever is wrong (§5.2); `reason` is for people inside. */
export function unauthenticated(
  reason: string,
  code: OAuthRefusal['code'] = 'credential_invalid',
): { readonly ok: false; readonly error: OAuthRefusal } {
  return refuse({ error: 'invalid_client', description: 'client authentication failed', code, reason });
}
