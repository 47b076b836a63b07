import { createHash, createHmac, hash, type KeyObject } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { BASE62, CROCKFORD_BASE32, randomText } from '../base/random-text.ts';
import type { ApiKeyDigest, ApiKeyId } from './api-key.ts';

const ID_LENGTH = 8;
const SECRET_LENGTH = 32;
const CHECK_LENGTH = 6;
const ISSUED_KEY = /^ghk_([0-9A-HJKMNP-TV-Z]{8})_([0-9A-Za-z]{32})([0-9A-Za-z]{6})$/;

/** What every key that we issue begins with. */
export const ISSUED_KEY_PREFIX = 'ghk_';

/** CRC-32 of the text in six base62 digits: finds a typo before any look-up; it is no secret and proves nothing. */
function checkOf(text: string): string {
  let rest = crc32(text);
  let check = '';
  for (let digit = 0; digit < CHECK_LENGTH; digit += 1) {
    check = BASE62.charAt(rest % 62) + check;
    rest = Math.floor(rest / 62);
  }
  return check;
}

/** The same id for the same text: 40 bits of its SHA-256. */
export function apiKeyIdFor(text: string): ApiKeyId {
  const digest = createHash('sha256').update(text).digest();
  return Array.from({ length: ID_LENGTH }, (_, at) => CROCKFORD_BASE32.charAt((digest[at] ?? 0) & 31)).join(
    '',
  ) as ApiKeyId;
}

/** A new key, `ghk_<id>_<secret><check>`: 40 bits of id, 190 bits of secret. */
export function generateApiKey(id = randomText(CROCKFORD_BASE32, ID_LENGTH) as ApiKeyId): {
  readonly id: ApiKeyId;
  readonly key: string;
} {
  const body = `${ISSUED_KEY_PREFIX}${id}_${randomText(BASE62, SECRET_LENGTH)}`;
  return { id, key: body + checkOf(body) };
}

/** The id inside a key of our own shape whose check is right; `undefined` for anything else. */
export function idOfIssuedKey(key: string): ApiKeyId | undefined {
  const match = ISSUED_KEY.exec(key);
  if (match === null) return undefined;
  const isTypo = checkOf(key.slice(0, -CHECK_LENGTH)) !== match[3];
  return isTypo ? undefined : (match[1] as ApiKeyId);
}

/** Digest of a key of enough entropy: SHA-256 of the whole key. */
export function sha256Digest(key: string): ApiKeyDigest {
  return { algorithm: 'sha256', hex: hash('sha256', key) };
}

/** Digest of an imported key of any shape: HMAC-SHA-256 under the pepper, since a short one could be guessed from a plain digest. */
export function pepperedDigest(key: string, pepper: KeyObject): ApiKeyDigest {
  return { algorithm: 'hmac-sha256', hex: createHmac('sha256', pepper).update(key).digest('hex') };
}
