import type { Clock } from '../base/clock.ts';
import type { Settings } from '../config/schema/config.ts';
import type { AttemptStore } from '../limits/attempt-store.ts';
import { cookieNames } from '../sessions/cookie-names.ts';
import type { Log } from '../telemetry/log.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { TYPED } from './account.ts';
import { compileKeeping } from './keeping.ts';
import { createLoginAttempts, type LoginAttempts } from './login-attempts.ts';
import type { LoginBridge, LoginOutcome } from './login-bridge.ts';
import { asLoginOutage } from './login-outage.ts';
import { createLoginRequests } from './own-requests.ts';
import { type CheckedPassword, compilePasswordCheck } from './password-check.ts';
import { createLoginReader } from './read-login.ts';
import { createUpstreamSession } from './upstream-session.ts';

export interface LoginBridgeParts {
  readonly settings: Pick<Settings, 'login' | 'publicUrl' | 'sessions' | 'upstreams'>;
  /** By name. */
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly attempts: AttemptStore;
  readonly clock: Clock;
  readonly log: Log;
}

const CONTROL_CHARACTER = /\p{Cc}/u;

/** The login blocks of one generation of the configuration, by name. Throws where its semantics would have refused one. */
export function createLoginBridges(parts: LoginBridgeParts): ReadonlyMap<string, LoginBridge> {
  const attempts = createLoginAttempts(parts.attempts, parts.settings.sessions.failedLogins);
  return new Map(
    Object.keys(parts.settings.login).map((name) => [name, createLoginBridge(name, parts, attempts)]),
  );
}

function createLoginBridge(name: string, parts: LoginBridgeParts, attempts: LoginAttempts): LoginBridge {
  const { upstreams, clock, log } = parts;
  const settings = parts.settings.login[name];
  const upstream = settings && upstreams.get(settings.upstream);
  const upstreamSettings = upstream && parts.settings.upstreams[upstream.name];
  if (settings === undefined || upstream === undefined || upstreamSettings === undefined)
    throw new Error(`the login ${name} has no upstream`);
  const basePath = upstreamSettings.basePath ?? '';
  const keeping = compileKeeping(upstream.name, settings.keep);
  const { session, rememberMe } = cookieNames(parts.settings.sessions.cookie.name);
  const ownCookies = [
    session,
    rememberMe,
    ...(settings.intercept?.cookieName === undefined ? [] : [settings.intercept.cookieName]),
  ];
  const send = createLoginRequests(
    upstream,
    upstreamSettings,
    new Set([...keeping.cookieNames, ...ownCookies]),
    parts.settings.publicUrl,
  );
  const checkPassword = compilePasswordCheck(name, settings, basePath, keeping, send);
  const isShared = settings.membershipAuthority === 'shared';

  return {
    name,
    upstream: upstream.name,
    keptCookies: keeping.cookieNames,
    readLogin: createLoginReader(settings),
    ...createUpstreamSession({ name, settings, basePath, send, keeping, clock, log }),

    async logIn(attempt): Promise<LoginOutcome> {
      const { tenant, username, password, peer, now } = attempt;
      // Directories take an empty password for an anonymous one, and say yes (RFC 4513 §5.1.2).
      if (username === '' || password.reveal() === '')
        return { kind: 'rejected', answer: undefined, reason: 'user name or password is empty' };
      // Who stops reading at a NUL would take any number of names, each with guesses of its own, for one.
      if (CONTROL_CHARACTER.test(username))
        return { kind: 'rejected', answer: undefined, reason: 'the user name has a control character' };
      // Upstreams that take ` bob` for bob would have him under two subjects, and what ends one would leave the other.
      if (settings.user.id === TYPED && username !== username.normalize('NFKC').trim())
        return {
          kind: 'rejected',
          answer: undefined,
          reason: 'the user name, which is to be the id, is not spelled plainly',
        };
      const counted = isShared ? undefined : tenant.id;
      const taken = await attempts.take({ upstream: upstream.name, tenant: counted, username, peer, now });
      if (taken.kind === 'throttled') return taken;
      let outcome: CheckedPassword;
      try {
        outcome = await checkPassword(attempt);
      } catch (error) {
        await taken.giveBack().catch((cause: unknown) => {
          log.warn({ err: cause, login: name }, 'a login that failed for no fault of its user stays counted');
        });
        throw asLoginOutage(error);
      }
      if (outcome.kind === 'accepted') await taken.giveBack();
      return outcome;
    },
  };
}
