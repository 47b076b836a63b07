import type { EpochMilliseconds } from '../base/clock.ts';
import type { Jar, KeptCookie } from './jar.ts';
import { isPathMatch, readSetCookie, withoutQuery } from './set-cookie.ts';

/**
 * Most cookies of a jar, deleted ones among them, which give way. Names are configured, so that only an upstream that makes up paths
 * comes near.
 */
const MAX_COOKIES = 200;

/** The request whose answer set cookies. */
export interface CookieExchange {
  /** Name of the upstream. */
  readonly upstream: string;
  /** Names of the cookies that its login keeps. */
  readonly kept: ReadonlySet<string>;
  /** The jar that the request was sent with. */
  readonly jar: Jar;
  /** Of the upstream's own URL space, base path included; may have a query. */
  readonly path: string;
  readonly now: EpochMilliseconds;
}

/**
 * What the Set-Cookie fields of an answer change in the jar, each with the version after the one that the request was sent with.
 * The last field of a cookie counts. A deletion is a cookie that has expired.
 */
export function readKeptCookies(
  setCookies: readonly string[],
  exchange: CookieExchange,
): readonly KeptCookie[] {
  const { upstream, kept, jar, path, now } = exchange;
  const set = new Map<string, KeptCookie>();
  for (const field of setCookies) {
    const cookie = readSetCookie(field, path, now);
    if (cookie === undefined || !kept.has(cookie.name)) continue;
    const isDeleted = cookie.expiresAt !== undefined && cookie.expiresAt <= now;
    const version = 1 + (jar.cookies.find((sent) => isSame(sent, { upstream, ...cookie }))?.version ?? 0);
    set.set(`${cookie.name};${cookie.path}`, {
      upstream,
      ...cookie,
      ...(isDeleted && { value: '' }),
      version,
    });
  }
  return [...set.values()];
}

/**
 * The jar with those of the cookies that were set by the answer to a request that knew the kept one; the same object if there are none.
 * A deleted cookie stays as an expired one, since its version tells off the answers to requests from before it was deleted.
 */
export function keepCookiesIn(jar: Jar, set: readonly KeptCookie[]): Jar {
  const cookies = [...jar.cookies];
  let isChanged = false;
  for (const cookie of set) {
    const at = cookies.findIndex((kept) => isSame(kept, cookie));
    if (cookie.version !== (cookies[at]?.version ?? 0) + 1) continue;
    if (at !== -1) cookies[at] = cookie;
    else if (!hasRoom(cookies)) continue;
    else cookies.push(cookie);
    isChanged = true;
  }
  return isChanged ? { ...jar, cookies } : jar;
}

/** Makes room by forgetting a deleted cookie, if there is one. */
function hasRoom(cookies: KeptCookie[]): boolean {
  if (cookies.length < MAX_COOKIES) return true;
  const deleted = cookies.findIndex(({ expiresAt, value }) => expiresAt !== undefined && value === '');
  if (deleted !== -1) cookies.splice(deleted, 1);
  return deleted !== -1;
}

/** One cookie per upstream, name and path (RFC 6265 §5.3, step 11); the domain is the upstream's. */
function isSame(
  one: Pick<KeptCookie, 'upstream' | 'name' | 'path'>,
  other: Pick<KeptCookie, 'upstream' | 'name' | 'path'>,
): boolean {
  return one.name === other.name && one.path === other.path && one.upstream === other.upstream;
}

/** The cookies of one upstream, ready to be sent. */
interface ReadyCookies {
  /** Longest path first, then the order in which they were first kept (RFC 6265 §5.4). */
  readonly cookies: readonly ReadyCookie[];
  /** The field for any path, where all cookies go to every path. */
  readonly whole: string | undefined;
  /** Until then `whole` is right. */
  readonly earliestExpiry: EpochMilliseconds;
}

interface ReadyCookie {
  readonly path: string;
  readonly expiresAt: EpochMilliseconds;
  readonly pair: string;
}

/** Jars are immutable, and forgotten together with what is kept here of them. */
const readyJars = new WeakMap<Jar, Map<string, ReadyCookies>>();

/**
 * The Cookie field for a request to the upstream of this name; `undefined` = none. `path` is of the upstream's own URL space, base
 * path included, and may have a query. Cheap: a jar is prepared once.
 */
export function cookieFieldFor(
  jar: Jar,
  upstream: string,
  path: string,
  now: EpochMilliseconds,
): string | undefined {
  if (jar.cookies.length === 0) return undefined;
  const { cookies, whole, earliestExpiry } = readyCookiesOf(jar, upstream);
  if (whole !== undefined && now < earliestExpiry) return whole === '' ? undefined : whole;
  const requestPath = withoutQuery(path);
  let field = '';
  for (const cookie of cookies) {
    if (now >= cookie.expiresAt || !isPathMatch(requestPath, cookie.path)) continue;
    field += field === '' ? cookie.pair : `; ${cookie.pair}`;
  }
  return field === '' ? undefined : field;
}

function readyCookiesOf(jar: Jar, upstream: string): ReadyCookies {
  let byUpstream = readyJars.get(jar);
  if (byUpstream === undefined) readyJars.set(jar, (byUpstream = new Map<string, ReadyCookies>()));
  let ready = byUpstream.get(upstream);
  if (ready === undefined) byUpstream.set(upstream, (ready = prepare(jar, upstream)));
  return ready;
}

function prepare(jar: Jar, upstream: string): ReadyCookies {
  const cookies = jar.cookies
    .filter((cookie) => cookie.upstream === upstream && cookie.expiresAt !== 0)
    .map(({ name, value, path, expiresAt = Number.POSITIVE_INFINITY }): ReadyCookie => {
      return { path, expiresAt, pair: `${name}=${value}` };
    })
    .sort((one, other) => other.path.length - one.path.length);
  const isForAll = cookies.every(({ path }) => path === '/');
  return {
    cookies,
    whole: isForAll ? cookies.map(({ pair }) => pair).join('; ') : undefined,
    earliestExpiry: Math.min(...cookies.map(({ expiresAt }) => expiresAt)),
  };
}
