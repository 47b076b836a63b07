import { hash } from 'node:crypto';
import type { ClientDirectory } from '../clients/client-directory.ts';
import { parseCookie } from '../sessions/session-credential.ts';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import { findSessionClient, scopesThrough } from './session-client.ts';
import { refused, type Verifiers } from './verifier.ts';

/** Tickets: each is good once, so that nothing of one is ever remembered. Throws `StoreUnavailable`. */
export function createTicketVerifier({
  tokens,
  sessions,
  clients,
}: {
  readonly tokens: Pick<TokenStore, 'take'>;
  readonly sessions: Pick<SessionService, 'find'>;
  readonly clients: Pick<ClientDirectory, 'find'>;
}): Verifiers['ticket'] {
  return async (credential, _digest, now) => {
    const ticket = await tokens.take(hash('sha256', credential.value.reveal()));
    if (ticket?.kind !== 'ticket') return refused('credential_invalid', 'the ticket is unknown or used');
    const { cookie } = credential;
    if (cookie !== undefined && parseCookie(cookie)?.id !== ticket.session)
      return refused('credential_ambiguous', `ticket ${ticket.id} came with the cookie of another session`);
    if (now >= ticket.expiresAt) return refused('credential_expired', `ticket ${ticket.id} has expired`);
    const open = await sessions.find(ticket.session, now);
    if (open === undefined || now >= ticket.until) {
      return refused('credential_revoked', `session ${ticket.session} of ticket ${ticket.id} has ended`);
    }
    const client = findSessionClient(open.session, clients);
    if (!client.ok) return refused('credential_revoked', client.error);
    const { id, host, until } = ticket;
    const scopes = scopesThrough(client.value, ticket.scopes);
    return {
      kind: 'accepted',
      principal: principalOfSession(open, { kind: 'ticket', id, host, scopes, expiresAt: until }),
    };
  };
}
