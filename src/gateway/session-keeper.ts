import type { Logger } from 'pino';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import type { LoginBridge } from '../login/login-bridge.ts';
import type { SessionId } from '../sessions/session.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TenantDirectory } from '../tenants/tenant-directory.ts';
import type { SessionKeeper } from './answer-cookies.ts';

/** After a probe that did not end it, a session is not probed again for this long: any page may answer 401 to its users. */
const PROBE_PAUSE_MILLISECONDS = 5000;

export interface SessionKeeperParts {
  readonly sessions: Pick<SessionService, 'keepCookies' | 'find' | 'end'>;
  readonly logins: ReadonlyMap<string, LoginBridge>;
  readonly tenants: Pick<TenantDirectory, 'find'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Keeps what upstreams set for sessions, and ends those whose upstream session is gone: only after a probe that says so
 * too, since one resource's 401 proves nothing.
 */
export function createSessionKeeper(parts: SessionKeeperParts): SessionKeeper {
  const { sessions, logins, tenants, clock, log } = parts;
  const pausedUntil = new Map<SessionId, EpochMilliseconds>();

  async function probe(id: SessionId, bridge: LoginBridge): Promise<void> {
    const open = await sessions.find(id, clock());
    const tenant = open === undefined ? undefined : tenants.find(open.session.tenant);
    if (open === undefined || tenant === undefined) return;
    if ((await bridge.probe(open.jar, tenant)) !== 'lost') return;
    if (await sessions.end(id)) log.info({ session: id }, 'session ended: that of its upstream is gone');
  }

  function suspect(id: SessionId, bridge: LoginBridge): void {
    const now = clock();
    if (now < (pausedUntil.get(id) ?? 0)) return;
    for (const [other, until] of pausedUntil) {
      if (now < until) break;
      pausedUntil.delete(other);
    }
    pausedUntil.set(id, now + PROBE_PAUSE_MILLISECONDS);
    probe(id, bridge).catch((error: unknown) =>
      log.warn({ err: error, session: id }, 'it could not be found out whether a session is lost'),
    );
  }

  return {
    async keepCookies(session, set) {
      try {
        await sessions.keepCookies(session.id, set);
      } catch (error) {
        log.error({ err: error, session: session.id }, 'cookies of the upstream could not be kept');
      }
    },
    answered(session, status, location) {
      const bridge = logins.get(session.login);
      if (bridge?.looksLost(status, location) === true) suspect(session.id, bridge);
    },
  };
}
