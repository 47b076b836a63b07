import type { EpochMilliseconds } from '../base/clock.ts';
import { foldFieldName } from '../http/field-names.ts';
import type { PrincipalSession } from '../principals/principal.ts';
import type { KeptCookie } from '../sessions/jar.ts';
import { readKeptCookies } from '../sessions/kept-cookies.ts';
import type { AnswerCookies } from '../upstream/upstream.ts';
import type { Admitted } from './admit.ts';
import type { Forwarding } from './runtime.ts';

/** What cookies the answers of one upstream may set. */
export interface AnswerCookieRules {
  readonly upstream: string;
  /** Names that are ours: no upstream sets them. */
  readonly own: ReadonlySet<string>;
  /** Names that a login of this upstream keeps: no client gets them. */
  readonly kept: ReadonlySet<string>;
  /** For requests without a session, by whether their route accepts sessions. */
  readonly onSessionRoutes: AnswerCookies;
  readonly elsewhere: AnswerCookies;
}

/** What becomes of a session by the answers to its requests. */
export interface SessionKeeper {
  /** Resolves when it is kept, or could not be, which is logged. */
  keepCookies(session: PrincipalSession, set: readonly KeptCookie[]): Promise<void>;
  /** The answer may show that the upstream's own session is gone. */
  answered(session: PrincipalSession, status: number, location: string | undefined): void;
}

/** An expiry that moves by less is not written anew: sliding ones move with each request. */
const EXPIRY_MATTERS_MILLISECONDS = 60_000;

export function createAnswerCookieRules(
  upstream: string,
  own: ReadonlySet<string>,
  kept: ReadonlySet<string>,
): AnswerCookieRules {
  return {
    upstream,
    own,
    kept,
    onSessionRoutes: { receive: () => NOTHING_PASSED },
    elsewhere: { receive: (_status, _location, setCookies) => ({ passed: passable(setCookies, own, kept) }) },
  };
}

const NOTHING_PASSED = { passed: [] } as const;

/** For one request; `undefined`: nobody can log in, and cookies are none of our business. `path`: as sent, base path included. */
export function answerCookiesFor(
  { route, principal }: Pick<Admitted, 'route' | 'principal'>,
  { answerCookies: rules, keptLogins }: Pick<Forwarding, 'answerCookies' | 'keptLogins'>,
  path: string,
  now: EpochMilliseconds,
  keeper: SessionKeeper,
): AnswerCookies | undefined {
  if (rules === undefined) return undefined;
  const session = principal?.session;
  const isSessionRoute = route.acceptsSessions;
  if (session !== undefined && keptLogins?.has(session.login) === true)
    return answerCookiesOfSession(rules, { session, path, isSessionRoute, now }, keeper);
  return isSessionRoute ? rules.onSessionRoutes : rules.elsewhere;
}

/** A request of a session to the upstream of its login. `path`: as sent, base path included. */
function answerCookiesOfSession(
  rules: AnswerCookieRules,
  request: {
    readonly session: PrincipalSession;
    readonly path: string;
    readonly isSessionRoute: boolean;
    readonly now: EpochMilliseconds;
  },
  keeper: SessionKeeper,
): AnswerCookies {
  const { session, path, isSessionRoute, now } = request;
  return {
    receive(status, location, setCookies) {
      keeper.answered(session, status, location);
      if (setCookies.length === 0) return NOTHING_PASSED;
      const { upstream, own, kept } = rules;
      const passed = isSessionRoute ? [] : passable(setCookies, own, kept);
      const { jar } = session;
      const set = readKeptCookies(setCookies, { upstream, kept, jar, path, now }).filter((cookie) =>
        isNews(cookie, jar.cookies),
      );
      return set.length === 0 ? { passed } : { passed, settled: keeper.keepCookies(session, set) };
    },
  };
}

function isNews(cookie: KeptCookie, cookies: readonly KeptCookie[]): boolean {
  const kept = cookies.find(
    (other) => other.name === cookie.name && other.path === cookie.path && other.upstream === cookie.upstream,
  );
  if (kept?.value !== cookie.value) return true;
  const moved = (cookie.expiresAt ?? Infinity) - (kept.expiresAt ?? Infinity);
  return !Number.isNaN(moved) && Math.abs(moved) >= EXPIRY_MATTERS_MILLISECONDS;
}

/** Those that the client may have: neither ours nor kept, and for the host that it asked, not for its whole domain. */
function passable(
  setCookies: readonly string[],
  own: ReadonlySet<string>,
  kept: ReadonlySet<string>,
): readonly string[] {
  const passed: string[] = [];
  for (const field of setCookies) {
    const [pair = '', ...attributes] = field.split(';');
    const equals = pair.indexOf('=');
    // What has no name is taken by browsers for a value, or for a cookie of that name.
    const name = (equals === -1 ? pair : pair.slice(0, equals)).trim();
    if (own.has(name) || kept.has(name) || name === '') continue;
    const others = attributes.filter((attribute) => !isDomain(attribute));
    passed.push(others.length === attributes.length ? field : [pair, ...others].join(';'));
  }
  return passed;
}

function isDomain(attribute: string): boolean {
  return foldFieldName((attribute.split('=', 1)[0] ?? '').trim()) === 'domain';
}
