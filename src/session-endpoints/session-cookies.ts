import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import type { Settings } from '../config/schema/config.ts';
import type { EndpointCall } from '../endpoints/endpoint.ts';
import { deleteCookie, findCookies, type OwnCookie, writeCookie } from '../http/cookies.ts';
import { cookieNames } from '../sessions/cookie-names.ts';
import type { Session } from '../sessions/session.ts';
import type { BegunSession } from '../sessions/session-service.ts';

/** The cookies that a browser sent us. */
export interface PresentedCookies {
  readonly session: Secret | undefined;
  /** On the wire for the refresh endpoint only. */
  readonly rememberMe: Secret | undefined;
}

export interface SessionCookies {
  /** Refuses what could be read in two ways. */
  read(call: Pick<EndpointCall, 'field' | 'isRepeated'>): Result<PresentedCookies, Denial>;
  /**
   * Values of Set-Cookie. The session cookie goes when the browser is closed; the other one lives as long as it can be traded,
   * and one that an earlier login left is deleted.
   */
  write(values: WrittenCookies, session: Session, now: EpochMilliseconds): readonly string[];
  /** The same, of a session that has just begun. */
  writeBegun(begun: BegunSession, now: EpochMilliseconds): readonly string[];
  /** Values of Set-Cookie that delete both. */
  readonly deletions: readonly string[];
}

export interface WrittenCookies {
  readonly cookie: string;
  readonly rememberMe?: string | undefined;
}

/** Names and attributes as RFC 6265bis §4.1.3 asks of the prefixes. */
export function createSessionCookies({
  path,
  cookie,
}: Pick<Settings['sessions'], 'path' | 'cookie'>): SessionCookies {
  const ours = cookieNames(cookie.name);
  const session: OwnCookie = {
    name: ours.session,
    path: '/',
    sameSite: cookie.sameSite,
    isSecure: true,
  };
  const rememberMe: OwnCookie = {
    name: ours.rememberMe,
    path: `${path}/refresh`,
    sameSite: 'Strict',
    isSecure: true,
  };
  const names = [session.name, rememberMe.name];

  function write(values: WrittenCookies, { rotation }: Session, now: EpochMilliseconds): readonly string[] {
    const end = Math.min(rotation?.idleEnd ?? 0, rotation?.absoluteEnd ?? 0);
    return [
      writeCookie(session, values.cookie),
      values.rememberMe === undefined
        ? deleteCookie(rememberMe)
        : writeCookie(rememberMe, values.rememberMe, Math.max(0, end - now) / 1000),
    ];
  }

  return {
    read(call) {
      if (call.isRepeated('cookie')) return err(denial('credential_ambiguous', 'Cookie is given twice'));
      const { values, repeated } = findCookies(call.field('cookie') ?? '', names);
      if (repeated !== 0) return err(denial('credential_ambiguous', 'a cookie of ours is given twice'));
      return ok({ session: secretOf(values[0]), rememberMe: secretOf(values[1]) });
    },
    write,
    writeBegun: (begun, now) =>
      write(
        { cookie: begun.cookie?.reveal() ?? '', rememberMe: begun.rotating?.reveal() },
        begun.session,
        now,
      ),
    deletions: [deleteCookie(session), deleteCookie(rememberMe)],
  };
}

function secretOf(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value);
}
