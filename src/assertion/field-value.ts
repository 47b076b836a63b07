/**
 * What may be a field value (RFC 9110 §5.5): no control characters but tab, no white space at its ends, where parsers
 * remove it, nothing beyond one byte per character.
 */
const FIELD_VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;

const ENCODED_ANYWHERE = /[^\x20-\x24\x26-\x7e]/gu;
/** A text that needs no encoding: printable ASCII without `%`, no space at its ends. */
const PLAIN = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/;
const ENCODED = /[^\x20-\x24\x26-\x7e]|^ | $/gu;
/** The same within a list: no comma either. */
const PLAIN_ITEM = /^(?! )[\x20-\x24\x26-\x2b\x2d-\x7e]*(?<! )$/;
const ENCODED_IN_ITEM = /[^\x20-\x24\x26-\x2b\x2d-\x7e]|^ | $/gu;

/** True if the text goes over the wire and arrives as it is. An empty one does not count. */
export function isFieldValue(text: string): boolean {
  return FIELD_VALUE.test(text);
}

/**
 * Percent-encodes the UTF-8 bytes of what is outside printable ASCII, `%`, and a space at either end. The answer is a
 * field value (or empty), and percent-decoding gives the text back: no two texts share one.
 */
export function encodeValue(text: string): string {
  return PLAIN.test(text) ? text : text.replace(ENCODED, percentEncode);
}

/** `encodeValue` for text that has values around it: the spaces at its ends stay. */
export function encodeLiteral(text: string): string {
  return text.replace(ENCODED_ANYWHERE, percentEncode);
}

/** `encodeValue` for an item of a list that is joined with `,`: a comma is encoded too. */
export function encodeItem(text: string): string {
  return PLAIN_ITEM.test(text) ? text : text.replace(ENCODED_IN_ITEM, percentEncode);
}

/**
 * The bytes of one code point. Half a surrogate pair, which JSON may carry and UTF-8 may not, becomes the three bytes
 * that its number would have (`%ED%A0%BD`): a replacement character would make different names one.
 */
function percentEncode(character: string): string {
  if (character.isWellFormed()) return encodeURIComponent(character);
  const code = character.charCodeAt(0);
  return [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
    .map((byte) => `%${byte.toString(16).toUpperCase()}`)
    .join('');
}
