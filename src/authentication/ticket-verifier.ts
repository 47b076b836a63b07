import { hash } from 'node:crypto';
import { principalOfSession } from '../sessions/session-principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import { refused, type Verifiers } from './verifier.ts';

/** Tickets: each is good once, so that nothing of one is ever remembered. Throws `StoreUnavailable`. */
export function createTicketVerifier(
  tokens: Pick<TokenStore, 'take'>,
  sessions: Pick<SessionService, 'find'>,
): Verifiers['ticket'] {
  return async (credential, _digest, now) => {
    const ticket = await tokens.take(hash('sha256', credential.value.reveal()));
    if (ticket?.kind !== 'ticket') return refused('credential_invalid', 'the ticket is unknown or used');
    if (now >= ticket.expiresAt) return refused('credential_expired', `ticket ${ticket.id} has expired`);
    const open = await sessions.find(ticket.session, now);
    if (open === undefined || now >= ticket.until) {
      return refused('credential_revoked', `session ${ticket.session} of ticket ${ticket.id} has ended`);
    }
    const { id, host, scopes, until } = ticket;
    return {
      kind: 'accepted',
      principal: principalOfSession(open, { kind: 'ticket', id, host, scopes, expiresAt: until }),
    };
  };
}
