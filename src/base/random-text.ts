import { randomBytes } from 'node:crypto';

/** Without I, L, O and U: can be said over a phone. 5 bits a character. */
export const CROCKFORD_BASE32 = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** 5.95 bits a character. */
export const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Uniform choice from an alphabet of at most 64 characters by rejection, so that no character is likelier. */
export function randomText(alphabet: string, length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      const index = byte & 63;
      if (index < alphabet.length && text.length < length) text += alphabet.charAt(index);
    }
  }
  return text;
}
