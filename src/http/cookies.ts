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

/**
 * The field without the cookies whose name is dropped, the others byte for byte; empty: none is left. `drops` is asked with the
 * name as it stands, without blanks around it; what has no `=` is all name, since some servers take it for a cookie without value.
 */
export function withoutCookies(field: string, drops: (name: string) => boolean): string {
  let kept = '';
  let start = 0;
  while (start <= field.length) {
    let end = field.indexOf(';', start);
    if (end === -1) end = field.length;
    const pair = field.slice(start, end).trim();
    const equals = pair.indexOf('=');
    const name = equals === -1 ? pair : pair.slice(0, equals).trimEnd();
    if (pair !== '' && !drops(name)) kept += kept === '' ? pair : `; ${pair}`;
    start = end + 1;
  }
  return kept;
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
