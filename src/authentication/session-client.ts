import { err, ok, type Result } from '../base/result.ts';
import { type Client, parseClientId, subjectOfClient } from '../clients/client.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Session } from '../sessions/session.ts';

/**
 * The client that a session came through, as it is now; `undefined`: a legacy client, which is known by its API key at most. The
 * error is the reason why nothing of the session is good any more: the client is gone, has no browser sessions, or may not act for
 * the tenant.
 */
export function findSessionClient(
  session: Pick<Session, 'id' | 'kind' | 'client' | 'clientId' | 'tenant'>,
  clients: Pick<ClientDirectory, 'find'>,
): Result<Client | undefined, string> {
  const { id: sessionId, kind, clientId, tenant } = session;
  const id = clientId === undefined ? undefined : parseClientId(clientId);
  if (id === undefined || session.client !== subjectOfClient(id)) return ok(undefined);
  const client = clients.find(id);
  if (client === undefined || (kind === 'browser' && !client.browserSession))
    return err(`client ${id} of session ${sessionId} is gone`);
  return client.tenants === 'any' || client.tenants.includes(tenant)
    ? ok(client)
    : err(`client ${id} of session ${sessionId} may not act for ${tenant} any more`);
}

/** What was taken from the client since the login is taken from what its sessions may do. */
export function scopesThrough(client: Client | undefined, scopes: readonly string[]): readonly string[] {
  return client === undefined ? scopes : scopes.filter((scope) => client.scopes.includes(scope));
}
