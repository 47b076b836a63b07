import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { BASE62, CROCKFORD_BASE32, randomText } from '../base/random-text.ts';
import { Secret } from '../base/secret.ts';
import type { SessionId } from './session.ts';

/**
 * Texts of the credentials of a session. Each begins with what it is and the public id of its session, by which it is found:
 *
 * | text | is |
 * |---|---|
 * | `ghs_<id>_<32 base62>` | value of a session cookie, 190 bits |
 * | `ghr_<id>_<22 base62><22 base62>` | refresh token: family, then its own part, 130 bits each |
 * | `ghm_<id>_<22 base62><22 base62>` | value of a remember-me cookie, likewise |
 */
const COOKIE = /^ghs_([0-9A-HJKMNP-TV-Z]{16})_[0-9A-Za-z]{32}$/;
const ROTATING = /^gh([rm])_([0-9A-HJKMNP-TV-Z]{16})_[0-9A-Za-z]{44}$/;
const ID_LENGTH = 16;
const COOKIE_SECRET_LENGTH = 32;
const PART_LENGTH = 22;

export type RotatingKind = 'refresh' | 'rememberMe';

const ROTATING_PREFIX = { refresh: 'ghr_', rememberMe: 'ghm_' } as const;

/** A credential with how it is stored: SHA-256 of the whole text, hex. */
export interface DrawnCredential {
  readonly text: Secret;
  readonly digest: string;
}

/** A credential that rotates, with what all of its generations have in common. */
export interface DrawnRotating extends DrawnCredential {
  /** SHA-256 of the constant part, hex. */
  readonly familyDigest: string;
}

export function drawSessionId(): SessionId {
  return randomText(CROCKFORD_BASE32, ID_LENGTH) as SessionId;
}

export function drawCookie(id: SessionId): DrawnCredential {
  return drawn(`ghs_${id}_${randomText(BASE62, COOKIE_SECRET_LENGTH)}`);
}

/** The first generation of a new family. */
export function drawRotating(kind: RotatingKind, id: SessionId): DrawnRotating {
  return drawnGeneration(`${ROTATING_PREFIX[kind]}${id}_${randomText(BASE62, PART_LENGTH)}`);
}

/** The next generation of a credential that `parseRotating` has read. */
export function drawSuccessor(presented: Secret): DrawnRotating {
  return drawnGeneration(constantPartOf(presented.reveal()));
}

/** `undefined`: we never gave out such a text. */
export function parseCookie(
  presented: Secret,
): { readonly id: SessionId; readonly digest: string } | undefined {
  const text = presented.reveal();
  const id = COOKIE.exec(text)?.[1];
  return id === undefined ? undefined : { id: id as SessionId, digest: hash('sha256', text) };
}

/** `undefined`: we never gave out such a text, or it is of the other kind. */
export function parseRotating(
  presented: Secret,
  kind: RotatingKind,
): { readonly id: SessionId; readonly digest: string; readonly familyDigest: string } | undefined {
  const text = presented.reveal();
  const id = ROTATING.exec(text)?.[2];
  if (id === undefined || !text.startsWith(ROTATING_PREFIX[kind])) return undefined;
  return {
    id: id as SessionId,
    digest: hash('sha256', text),
    familyDigest: hash('sha256', constantPartOf(text)),
  };
}

/** Compared where there is nothing to compare with, so that it takes the same time. Matches nothing. */
const NO_DIGEST = randomBytes(32).toString('hex');

/** In constant time; false where nothing is expected. Both are 64 hex digits. */
export function isSameDigest(presented: string, expected: string | undefined): boolean {
  const isEqual = timingSafeEqual(Buffer.from(presented, 'hex'), Buffer.from(expected ?? NO_DIGEST, 'hex'));
  return isEqual && expected !== undefined;
}

function drawn(text: string): DrawnCredential {
  return { text: new Secret(text), digest: hash('sha256', text) };
}

function drawnGeneration(constantPart: string): DrawnRotating {
  return {
    ...drawn(constantPart + randomText(BASE62, PART_LENGTH)),
    familyDigest: hash('sha256', constantPart),
  };
}

function constantPartOf(text: string): string {
  return text.slice(0, -PART_LENGTH);
}
