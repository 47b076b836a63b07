import { parseClientId, subjectOfClient } from '../clients/client.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Session } from '../sessions/session.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import { dependencyOfClient, dependencyOfSession } from './access-token-verifier.ts';
import { refused, type Verifiers } from './verifier.ts';

export interface SessionVerifierParts {
  readonly sessions: Pick<SessionService, 'open'>;
  readonly clients: Pick<ClientDirectory, 'find' | 'isCurrent'>;
}

/**
 * Session cookies. A wrong one is not remembered as wrong: it costs one look-up, and the peer's budget of failures bounds those.
 * Throws `StoreUnavailable`.
 */
export function createSessionVerifier({ sessions, clients }: SessionVerifierParts): Verifiers['session'] {
  return async (credential, _digest, now) => {
    const opened = await sessions.open(credential.value, now);
    if (!opened.ok) {
      return opened.error.kind === 'unknown'
        ? refused('credential_invalid', 'the session cookie is unknown')
        : refused('credential_expired', `session ${opened.error.session.id} has expired`);
    }
    const { session } = opened.value;
    const client = clientOf(session, clients);
    if (client === 'gone') {
      return refused('credential_revoked', `client ${session.clientId} of session ${session.id} is gone`);
    }
    return {
      kind: 'accepted',
      principal: principalOfSession(opened.value, {
        kind: 'cookie',
        origins: new Set(client === 'none' ? [] : client.origins),
        // What was taken from the client since the login is taken from its sessions too.
        scopes:
          client === 'none'
            ? session.scopes
            : session.scopes.filter((scope) => client.scopes.includes(scope)),
      }),
      dependsOn: [
        dependencyOfSession(session.id),
        ...(client === 'none' ? [] : [dependencyOfClient(client.id)]),
      ],
      ...(!clients.isCurrent() && { reusableUntil: now }),
    };
  };
}

/** `none`: a legacy client, which is known by its API key at most. */
function clientOf({ client, clientId }: Session, clients: Pick<ClientDirectory, 'find'>) {
  const id = clientId === undefined ? undefined : parseClientId(clientId);
  if (id === undefined || client !== subjectOfClient(id)) return 'none';
  const found = clients.find(id);
  return found?.browserSession === true ? found : 'gone';
}
