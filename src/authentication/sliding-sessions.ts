import type { Logger } from 'pino';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { Principal } from '../principals/principal.ts';
import type { SessionId } from '../sessions/session.ts';
import type { SessionService } from '../sessions/session-service.ts';

/** Sessions of old clients, which cannot ask for a renewal: their requests extend them. */
export interface SlidingSessions {
  used(principal: Principal, now: EpochMilliseconds): void;
}

/** A session is extended once a tenth of its life is over, so that few requests write. */
const SHARE = 10;

/** `logins`: those whose sessions slide. What fails is logged and tried again with the next request. */
export function createSlidingSessions(options: {
  readonly sessions: Pick<SessionService, 'find' | 'renew'>;
  readonly logins: ReadonlySet<string>;
  /** Milliseconds. */
  readonly ttl: number;
  readonly log: Logger;
}): SlidingSessions {
  const { sessions, logins, ttl, log } = options;
  const running = new Set<SessionId>();

  async function extend(id: SessionId, now: EpochMilliseconds): Promise<void> {
    const open = await sessions.find(id, now);
    if (open !== undefined) await sessions.renew(open.session, ttl, now);
  }

  return {
    used({ session, expiresAt = 0 }, now) {
      if (session?.kind !== 'legacy' || !logins.has(session.login)) return;
      const isFresh = expiresAt - now > ttl - ttl / SHARE || expiresAt >= session.absoluteEnd;
      if (isFresh || running.has(session.id)) return;
      running.add(session.id);
      void extend(session.id, now)
        .catch((error: unknown) => log.warn({ err: error, session: session.id }, 'session not extended'))
        .finally(() => running.delete(session.id));
    },
  };
}
