import { denial } from '../authorization/denial.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import { dependencyOfClient, dependencyOfSession } from './access-token-verifier.ts';
import { findSessionClient, scopesThrough } from './session-client.ts';
import { type Refused, refused, type Verifiers } from './verifier.ts';

const UNKNOWN: Refused = {
  kind: 'refused',
  denial: denial('credential_invalid', 'the session cookie is unknown', {
    isNoGuess: true,
  }),
};

export interface SessionVerifierParts {
  readonly sessions: Pick<SessionService, 'open'>;
  readonly clients: Pick<ClientDirectory, 'find' | 'isCurrent'>;
}

/**
 * Session cookies. A wrong one is not remembered as wrong, and costs one look-up.
 * Throws `StoreUnavailable`.
 */
export function createSessionVerifier({ sessions, clients }: SessionVerifierParts): Verifiers['session'] {
  return async (credential, _digest, now) => {
    const opened = await sessions.open(credential.value, now);
    if (!opened.ok) {
      return opened.error.kind === 'unknown'
        ? UNKNOWN
        : refused('credential_expired', `session ${opened.error.session.id} has expired`);
    }
    const { session } = opened.value;
    const found = findSessionClient(session, clients);
    if (!found.ok) return refused('credential_revoked', found.error);
    const client = found.value;
    return {
      kind: 'accepted',
      principal: principalOfSession(opened.value, {
        kind: 'cookie',
        origins: new Set(client?.origins),
        scopes: scopesThrough(client, session.scopes),
      }),
      dependsOn: [
        dependencyOfSession(session.id),
        ...(client === undefined ? [] : [dependencyOfClient(client.id)]),
      ],
      ...(!clients.isCurrent() && { reusableUntil: now }),
    };
  };
}
