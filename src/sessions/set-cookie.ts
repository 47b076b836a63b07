import type { EpochMilliseconds } from '../base/clock.ts';
import { parseCookieDate } from './cookie-date.ts';

/** A Set-Cookie field, as far as it matters to who replays it to that one upstream: Domain, Secure, HttpOnly and SameSite do not. */
export interface SetCookie {
  readonly name: string;
  readonly value: string;
  readonly path: string;
  /** Exclusive; in the past: the cookie is to be deleted. Absent: as long as the session. */
  readonly expiresAt?: EpochMilliseconds;
}

/** Octets of name and value together, and of one attribute; what is longer is ignored (RFC 6265bis §5.6). */
const MAX_PAIR = 4096;
const MAX_ATTRIBUTE = 1024;
/** No cookie lives longer (RFC 6265bis §5.5). */
const MAX_LIFE_MILLISECONDS = 400 * 86_400_000;
/** Octets without control characters but tab; a field with others is ignored (RFC 6265bis §5.6). */
const OCTETS = /^[\t\x20-\x7e\x80-\xff]*$/;
const DELTA_SECONDS = /^-?\d+$/;

/**
 * Reads one Set-Cookie field that came with the answer to a request for `requestPath`, as RFC 6265 §5.2 says and §5.3
 * understands it; `undefined` = it is to be ignored. `requestPath` may have a query.
 */
export function readSetCookie(
  field: string,
  requestPath: string,
  now: EpochMilliseconds,
): SetCookie | undefined {
  if (!OCTETS.test(field)) return undefined;
  const [pair = '', ...attributes] = field.split(';');
  const equals = pair.indexOf('=');
  const name = trimSpace(pair.slice(0, Math.max(equals, 0)));
  const value = trimSpace(pair.slice(equals + 1));
  if (name === '' || name.length + value.length > MAX_PAIR) return undefined;

  let expires: EpochMilliseconds | undefined;
  let maxAge: EpochMilliseconds | undefined;
  let path: string | undefined;
  for (const attribute of attributes) {
    const at = attribute.indexOf('=');
    const attributeName = trimSpace(at === -1 ? attribute : attribute.slice(0, at)).toLowerCase();
    const text = at === -1 ? '' : trimSpace(attribute.slice(at + 1));
    if (text.length > MAX_ATTRIBUTE) continue;
    // The last one of a name counts (§5.3).
    if (attributeName === 'expires') expires = parseCookieDate(text) ?? expires;
    else if (attributeName === 'max-age' && DELTA_SECONDS.test(text)) maxAge = endOf(Number(text), now);
    else if (attributeName === 'path') path = text.startsWith('/') ? text : undefined;
  }
  const end = maxAge ?? expires;
  return {
    name,
    value,
    path: path ?? defaultPath(requestPath),
    ...(end !== undefined && { expiresAt: Math.min(end, now + MAX_LIFE_MILLISECONDS) }),
  };
}

/** §5.2.2: zero and less is the earliest time there is. */
function endOf(seconds: number, now: EpochMilliseconds): EpochMilliseconds {
  return seconds <= 0 ? 0 : now + seconds * 1000;
}

/** §5.1.4. */
function defaultPath(requestPath: string): string {
  const path = withoutQuery(requestPath);
  const end = path.lastIndexOf('/');
  return !path.startsWith('/') || end === 0 ? '/' : path.slice(0, end);
}

/** Whether a cookie with this path goes with a request for `requestPath`, which has no query (§5.1.4). */
export function isPathMatch(requestPath: string, cookiePath: string): boolean {
  if (!requestPath.startsWith(cookiePath)) return false;
  return (
    requestPath.length === cookiePath.length ||
    cookiePath.endsWith('/') ||
    requestPath.charAt(cookiePath.length) === '/'
  );
}

export function withoutQuery(target: string): string {
  const end = target.indexOf('?');
  return end === -1 ? target : target.slice(0, end);
}

/** Without space and tab at both ends, in linear time; `trim` would take further characters, which are octets of a value here. */
function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text.charCodeAt(start))) start += 1;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}
