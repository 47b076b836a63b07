import type { Settings } from '../config/schema/config.ts';
import type { PrincipalSession } from '../principals/principal.ts';
import { cookieNames } from '../sessions/cookie-names.ts';

/** Cookies that are the gateway's business, by name. All empty where nobody can log in. */
export interface CookieNames {
  /** Of session cookies. */
  readonly session: readonly string[];
  /** All that are ours. */
  readonly own: ReadonlySet<string>;
  /** Of upstreams, kept by some login. */
  readonly kept: ReadonlySet<string>;
}

export function namesOfCookies({ login, sessions }: Pick<Settings, 'login' | 'sessions'>): CookieNames {
  const blocks = Object.values(login);
  if (blocks.length === 0) return { session: [], own: new Set(), kept: new Set() };
  const cookies = cookieNames(sessions.cookie.name);
  const legacy = blocks.flatMap(({ intercept }) => intercept?.cookieName ?? []);
  const session = [...new Set([cookies.session, ...legacy])];
  return {
    session,
    own: new Set([...session, cookies.rememberMe]),
    kept: new Set(blocks.flatMap(({ keep }) => keep.cookies)),
  };
}

/** Under which name the cookie of a session was set. It counts under no other one. */
export function nameSessionCookies({
  login,
  sessions,
}: Pick<Settings, 'login' | 'sessions'>): (session: Pick<PrincipalSession, 'kind' | 'login'>) => string {
  const own = cookieNames(sessions.cookie.name).session;
  const byLogin = new Map(
    Object.entries(login).map(([name, { intercept }]) => [name, intercept?.cookieName ?? own]),
  );
  return ({ kind, login: name }) => (kind === 'legacy' ? (byLogin.get(name) ?? own) : own);
}

/** Logins of this upstream. */
export function loginsOf(upstream: string, { login }: Pick<Settings, 'login'>): ReadonlySet<string> {
  const names = Object.entries(login).filter(([, block]) => block.upstream === upstream);
  return new Set(names.map(([name]) => name));
}

/** Names of the cookies of an upstream that its logins keep. */
export function keptCookiesOf(upstream: string, { login }: Pick<Settings, 'login'>): ReadonlySet<string> {
  const blocks = Object.values(login).filter((block) => block.upstream === upstream);
  return new Set(blocks.flatMap(({ keep }) => keep.cookies));
}
