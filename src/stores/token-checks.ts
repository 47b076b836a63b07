import type { StoredToken } from '../sessions/token-store.ts';

const SHA_256 = /^[0-9a-f]{64}$/;

/** The bytes. Throws RangeError, without the text, for what is no SHA-256 in hex: it may be the token itself. */
export function readDigest(digest: string): Buffer {
  if (!SHA_256.test(digest)) throw new RangeError('A digest must be the 64 hex digits of a SHA-256.');
  return Buffer.from(digest, 'hex');
}

/** Throws RangeError for a time that is none, which would never come. */
export function checkToken(token: StoredToken): StoredToken {
  const times = [token.issuedAt, token.expiresAt, ...(token.kind === 'ticket' ? [token.until] : [])];
  if (!times.every(Number.isFinite)) throw new RangeError('A time must be a finite number of milliseconds.');
  return token;
}
