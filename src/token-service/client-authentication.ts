import type { FailureBudget } from '../authentication/failure-budget.ts';
import { escapeKeyPart } from '../base/key-part.ts';
import { ok, type Result } from '../base/result.ts';
import { type Client, parseClientId, subjectOfClient } from '../clients/client.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import { isSecretOf } from '../clients/client-secret.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import type { AttemptRate, AttemptStore } from '../limits/attempt-store.ts';
import { revocationIdOf } from '../revocation/revocation.ts';
import { type PresentedClient, readClientCredentials, unauthenticated } from './client-credentials.ts';
import { type OAuthRefusal, refuse } from './oauth-answer.ts';
import type { Parameters } from './parameters.ts';
import type { IsRevoked } from './revocation-check.ts';

/** Who calls the token service (RFC 6749 §2.3, §3.2.1). Throws `StoreUnavailable`. */
export type AuthenticateClient = (
  call: EndpointCall,
  parameters: Parameters,
) => Promise<Result<Client, OAuthRefusal>>;

/**
 * Wrong secrets of one client id, from whatever peers. A right one passes all the same: no one can guess 256 bits, but anyone who knows an id
 * could lock its client out. What stops guessing is the budget of the peer, which is asked before any secret is looked at.
 */
const FAILURES_PER_CLIENT: AttemptRate = { count: 100, windowMilliseconds: 3_600_000 };

export function createClientAuthentication(parts: {
  readonly clients: Pick<ClientDirectory, 'find'>;
  readonly attempts: Pick<AttemptStore, 'take'>;
  readonly failureBudget: FailureBudget;
  readonly isRevoked: IsRevoked;
}): AuthenticateClient {
  const { clients, attempts, failureBudget, isRevoked } = parts;

  /** Counts before it answers: for the peer, and for the id whether there is such a client or not. */
  async function failed(
    { id }: PresentedClient,
    { peer, now }: EndpointCall,
    reason: string,
  ): Promise<Result<Client, OAuthRefusal>> {
    failureBudget.recordFailure(peer, now);
    const outcome = await attempts.take(`client-secret:${escapeKeyPart(id)}`, FAILURES_PER_CLIENT, now);
    return outcome.kind === 'taken'
      ? unauthenticated(reason)
      : tooManyFailures(Math.ceil(outcome.retryAfterMilliseconds / 1000), reason);
  }

  return async (call, parameters) => {
    const { peer, now } = call;
    const retryAfterSeconds = failureBudget.isExhausted(peer, now);
    if (retryAfterSeconds !== undefined)
      return tooManyFailures(retryAfterSeconds, 'the peer has failed too often');
    const presented = readClientCredentials(call, parameters);
    if (!presented.ok) return presented;
    const id = parseClientId(presented.value.id);
    const client = id === undefined ? undefined : clients.find(id);
    const { secret } = presented.value;
    if (secret === undefined) {
      if (client?.isPublic !== true)
        return failed(presented.value, call, 'no secret, and no public client of this id');
    } else if (!isSecretOf(client, secret, now) || client === undefined) {
      // An unknown id is not told: it may be a secret in the wrong place.
      return failed(
        presented.value,
        call,
        client === undefined ? 'unknown client' : `wrong secret of ${client.id}`,
      );
    }
    const subject = subjectOfClient(client.id);
    const revocationIds = [
      revocationIdOf({ kind: 'client', client: subject }),
      revocationIdOf({ kind: 'subject', subject }),
    ];
    // What it gets is issued now: an entry about what was issued before says nothing against it.
    if (isRevoked({ revocationIds, issuedAt: now }, undefined, now))
      return unauthenticated(`client ${client.id} is revoked`, 'credential_revoked');
    return ok(client);
  };
}

function tooManyFailures(
  retryAfterSeconds: number,
  reason: string,
): { readonly ok: false; readonly error: OAuthRefusal } {
  return refuse({
    error: 'temporarily_unavailable',
    description: 'too many failures: try again later',
    code: 'too_many_failures',
    reason,
    retryAfterSeconds,
  });
}
