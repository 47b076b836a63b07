import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { Principal } from '../principals/principal.ts';
import type { InterceptedParts } from './intercepted-parts.ts';
import { type Refused, refused } from './outcome.ts';

/**
 * The API key that an old client sends with its login, where keys stand on any route; `undefined`: it sends none. Wrong ones count against the
 * peer as they do there. Throws `Outage` where it cannot be known.
 */
export async function authenticateKey(
  call: EndpointCall,
  parts: InterceptedParts,
): Promise<Result<Principal | undefined, Refused>> {
  const header = parts.settings.apiKeys.header.toLowerCase();
  if (call.isRepeated(header) || call.isRepeated('authorization'))
    return err(refused('credential_ambiguous', 'an API key or Authorization is given twice'));
  const inField = call.field(header);
  const inAuthorization = /^ApiKey +(.+)$/i.exec(call.field('authorization') ?? '')?.[1];
  if (inField !== undefined && inAuthorization !== undefined)
    return err(refused('credential_ambiguous', 'an API key is given in two places'));
  const text = inField ?? inAuthorization;
  if (text === undefined) return ok(undefined);

  const { failureBudget } = parts;
  const turn = failureBudget.turn(call.peer, call.now);
  if (turn === undefined) failureBudget.beginCheck(call.peer);
  else await turn;
  try {
    return await check(text, call, parts);
  } finally {
    failureBudget.endCheck(call.peer, call.now);
  }
}

async function check(
  text: string,
  { peer, now }: EndpointCall,
  { authentication, failureBudget }: InterceptedParts,
): Promise<Result<Principal, Refused>> {
  const exhausted = failureBudget.isExhausted(peer, now);
  if (exhausted !== undefined) return err(tooMany('too many wrong credentials from this peer', exhausted));
  const principal = await authentication.authenticate({ kind: 'apiKey', value: new Secret(text) }, now);
  if (principal.ok) return principal;
  const { code, guessed, reason } = principal.error;
  const wait = code === 'credential_invalid' ? failureBudget.recordFailure(peer, now, guessed) : undefined;
  return err(wait === undefined ? { kind: 'refused', denial: principal.error } : tooMany(reason, wait));
}

function tooMany(reason: string, retryAfterSeconds: number): Refused {
  return refused('too_many_failures', reason, { retryAfterSeconds });
}
