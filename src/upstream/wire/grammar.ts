/** Characters of a field name (RFC 9110 §5.6.2, token). */
const TOKEN = 1;
/** Characters of a field value or reason phrase (RFC 9110 §5.5): visible, obs-text, space and tab. */
const VALUE = 2;

const CLASSES = new Uint8Array(256);
for (let code = 0x20; code < 0x100; code += 1) if (code !== 0x7f) CLASSES[code] = VALUE;
CLASSES[0x09] = VALUE;
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
  CLASSES[char.charCodeAt(0)] = TOKEN | VALUE;

/** Position of the first character at or after `at` that a token has not; the length of `text` if there is none. */
export function endOfToken(text: string, at: number): number {
  let end = at;
  while (end < text.length && ((CLASSES[text.charCodeAt(end)] ?? 0) & TOKEN) !== 0) end += 1;
  return end;
}

/** The same of a field value. */
export function endOfValue(text: string, at: number): number {
  let end = at;
  while (end < text.length && (CLASSES[text.charCodeAt(end)] ?? 0) !== 0) end += 1;
  return end;
}

export function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

const CR = 0x0d;
const LF = 0x0a;

/**
 * Whether CR LF is at `at`: `undefined` if `text` ends before that can be said. A CR or LF alone ends no line here
 * (RFC 9112 §2.2 lets a recipient be that strict): two servers could see different lines.
 */
export function isLineEnd(text: string, at: number): boolean | undefined {
  if (at >= text.length) return undefined;
  if (text.charCodeAt(at) !== CR) return false;
  return at + 1 < text.length ? text.charCodeAt(at + 1) === LF : undefined;
}
