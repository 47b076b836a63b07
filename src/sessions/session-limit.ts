import type { EpochMilliseconds } from '../base/clock.ts';
import { endOfSession, type Session, type SessionId } from './session.ts';
import type { SessionStore } from './session-store.ts';

const PAGE = 500;

/**
 * Ends the oldest sessions of a subject until `most` are left. Not atomic: logins at the same time may see each other late, but whoever comes last sees
 * all of them, and all agree on which ones are the oldest, so that no more than `most` are left and never fewer for having raced.
 */
export async function endOldestSessions(
  sessions: Pick<SessionStore, 'list' | 'end'>,
  subject: string,
  most: number,
  now: EpochMilliseconds,
): Promise<void> {
  const live: Session[] = [];
  let after: SessionId | undefined;
  let page: readonly Session[];
  do {
    page = await sessions.list({ subject, limit: PAGE, ...(after !== undefined && { after }) });
    live.push(...page.filter((session) => now < endOfSession(session)));
    after = page.at(-1)?.id;
  } while (page.length === PAGE);
  const oldestFirst = live.sort(
    (one, other) => one.authenticatedAt - other.authenticatedAt || (one.id < other.id ? -1 : 1),
  );
  for (const { id } of oldestFirst.slice(0, Math.max(0, live.length - most))) await sessions.end(id);
}
