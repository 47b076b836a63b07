import { foldFieldName } from './field-names.ts';

/** What a Cookie field says of the names that were asked for. */
export interface FoundCookies {
  /** By the place of the name: the value of the first cookie of this name; `undefined`: there is none. */
  readonly values: readonly (string | undefined)[];
  /** Bit per place: there is more than one cookie of this name. Browsers send those of all paths and domains alike. */
  readonly repeated: number;
}

const SPACE = 0x20;
const TAB = 0x09;

/**
 * Looks for cookies in the value of a Cookie field (RFC 6265 §4.2.1), by exact name; nothing is unquoted or decoded. At most 31
 * names. What is no pair is passed over. One walk over the text, without a copy of what is not asked for.
 */
export function findCookies(field: string, names: readonly string[]): FoundCookies {
  const values: (string | undefined)[] = names.map(() => undefined);
  let repeated = 0;
  let start = 0;
  while (start < field.length) {
    let end = field.indexOf(';', start);
    if (end === -1) end = field.length;
    while (isBlank(field.charCodeAt(start))) start += 1;
    const place = placeOfName(field, start, names);
    const name = names[place];
    if (name !== undefined) {
      if (values[place] === undefined)
        values[place] = field.slice(start + name.length + 1, endOfPair(field, end));
      else repeated |= 1 << place;
    }
    start = end + 1;
  }
  return { values, repeated };
}

/** Place of the name that stands at `start` with `=` behind it; -1: none does. No name holds `=` or `;`. */
function placeOfName(field: string, start: number, names: readonly string[]): number {
  for (let place = 0; place < names.length; place += 1) {
    const name = names[place] ?? '';
    if (field.startsWith(name, start) && field.charCodeAt(start + name.length) === 0x3d) return place;
  }
  return -1;
}

/** Blanks before `;` are none of the value's. */
function endOfPair(field: string, semicolon: number): number {
  let end = semicolon;
  while (isBlank(field.charCodeAt(end - 1))) end -= 1;
  return end;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Takes cookies out of the value of a Cookie field; empty: none is left. The others stay byte for byte. */
export type CookieFilter = (field: string) => string;

/** Names seen so far are remembered up to this many: a client cannot fill memory with invented ones. */
const REMEMBERED_NAMES = 2_000;
/** Where some servers begin another cookie: RFC 2965 had commas, and old parsers go on behind blanks and quotes. */
const OTHER_SEPARATORS = /[,\s"]+/;

/**
 * Compiles a filter of names that a client may not send. ASP.NET compares names without case, CGI-style servers turn every mark into `_`,
 * and old ones decode them: whatever one of these could take for a hidden name is taken out, wherever one could begin to read a cookie.
 */
export function createCookieFilter(names: Iterable<string>): CookieFilter {
  const hidden = new Set(Array.from(names, foldCookieName));
  const known = new Map<string, boolean>();

  function isHidden(name: string): boolean {
    const remembered = known.get(name);
    if (remembered !== undefined) return remembered;
    const answer = hidden.has(foldCookieName(name));
    if (known.size < REMEMBERED_NAMES) known.set(name, answer);
    return answer;
  }

  function namesHidden(pair: string): boolean {
    if (isHidden(nameOf(pair))) return true;
    return OTHER_SEPARATORS.test(pair) && pair.split(OTHER_SEPARATORS).some((part) => isHidden(nameOf(part)));
  }

  if (hidden.size === 0) return (field) => field;
  return (field) =>
    field
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair !== '' && !namesHidden(pair))
      .join('; ');
}

/** What has no `=` is all name, since some servers take it for a cookie without value. */
function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return equals === -1 ? pair : pair.slice(0, equals).trimEnd();
}

function foldCookieName(name: string): string {
  const decoded = name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return foldFieldName(decoded);
}

/** A cookie of the gateway's own. Always HttpOnly, never with a Domain. */
export interface OwnCookie {
  readonly name: string;
  readonly path: string;
  readonly sameSite: 'Lax' | 'Strict';
  /** False for old clients on plain HTTP only. A name with a prefix needs it (RFC 6265bis §4.1.3). */
  readonly isSecure: boolean;
}

/** Value of Set-Cookie (RFC 6265 §4.1.1). Without `maxAgeSeconds` the browser forgets it when it is closed. */
export function writeCookie(cookie: OwnCookie, value: string, maxAgeSeconds?: number): string {
  const life = maxAgeSeconds === undefined ? '' : `; Max-Age=${Math.floor(maxAgeSeconds)}`;
  return `${cookie.name}=${value}${attributesOf(cookie)}${life}`;
}

/** Deletes it. The attributes must be those that it was set with, or the browser keeps it. */
export function deleteCookie(cookie: OwnCookie): string {
  return `${cookie.name}=${attributesOf(cookie)}; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT`;
}

function attributesOf({ path, sameSite, isSecure }: OwnCookie): string {
  return `; Path=${path}${isSecure ? '; Secure' : ''}; HttpOnly; SameSite=${sameSite}`;
}
