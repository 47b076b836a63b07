import type { EpochMilliseconds } from '../base/clock.ts';
import type { Principal } from '../principals/principal.ts';
import type { SessionId } from '../sessions/session.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { LiveConnection } from './live-connections.ts';

export interface LiveSessionParts {
  readonly sessions: Pick<SessionService, 'find'>;
  readonly now: EpochMilliseconds;
  readonly close: (connection: LiveConnection, detail: string) => void;
  /** A renewed session keeps what its cookie opened. */
  readonly expires: (connection: LiveConnection, at: EpochMilliseconds) => void;
}

export function sessionIdsOf({ principals }: LiveConnection): readonly SessionId[] {
  return principals.flatMap(({ session }) => session?.id ?? []);
}

/** Asks again for these sessions of open connections. Throws `StoreUnavailable`; what was found out by then is done. */
export async function checkLiveSessions(
  ids: ReadonlySet<SessionId> | 'all',
  connections: Iterable<LiveConnection>,
  parts: LiveSessionParts,
): Promise<void> {
  for (const [id, users] of usersOfSessions(ids, connections)) {
    const open = await parts.sessions.find(id, parts.now);
    for (const [connection, principal] of users) {
      if (open === undefined) parts.close(connection, `session ${id} has ended`);
      else if (principal.session?.isCookie === true) parts.expires(connection, open.session.expiresAt);
    }
  }
}

function usersOfSessions(
  ids: ReadonlySet<SessionId> | 'all',
  connections: Iterable<LiveConnection>,
): ReadonlyMap<SessionId, readonly (readonly [LiveConnection, Principal])[]> {
  const users = new Map<SessionId, [LiveConnection, Principal][]>();
  for (const connection of connections) {
    for (const principal of connection.principals) {
      const id = principal.session?.id;
      if (id === undefined || (ids !== 'all' && !ids.has(id))) continue;
      const known = users.get(id);
      if (known === undefined) users.set(id, [[connection, principal]]);
      else known.push([connection, principal]);
    }
  }
  return users;
}
