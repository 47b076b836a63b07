import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { EpochMilliseconds } from '../base/clock.ts';
import { BASE62, randomText } from '../base/random-text.ts';
import { Secret } from '../base/secret.ts';
import type { Client } from './client.ts';

/** 43 characters of base62 are 256 bits. */
const SECRET_LENGTH = 43;

/** How many may be good at once. Rotations that overlap more often than this are refused. */
export const MOST_SECRETS = 4;

/** What no secret has: drawn anew by each process, and of no text that anybody knows. */
const NO_DIGEST = randomBytes(32);

/** A new secret, `ghc_<43 base62>`. */
export function generateClientSecret(): Secret {
  return new Secret(`ghc_${randomText(BASE62, SECRET_LENGTH)}`);
}

/** SHA-256 of the whole secret, lower-case hex: enough, since no secret is chosen by people. */
export function digestOfClientSecret(secret: Secret): string {
  return hash('sha256', secret.reveal());
}

/**
 * Whether this is a secret of the client at this moment. An unknown client, a public one and one of any number of secrets take
 * the same path and the same time, so that nobody learns which ids exist.
 */
export function isSecretOf(client: Client | undefined, presented: Secret, now: EpochMilliseconds): boolean {
  const digest = hash('sha256', presented.reveal(), 'buffer');
  const secrets = client?.secrets ?? [];
  let isRight = false;
  for (let at = 0; at < Math.max(MOST_SECRETS, secrets.length); at += 1) {
    const secret = secrets[at];
    const isLive = secret !== undefined && (secret.expiresAt === undefined || now < secret.expiresAt);
    const candidate = secret === undefined ? NO_DIGEST : Buffer.from(secret.hex, 'hex');
    const isEqual = candidate.length === digest.length && timingSafeEqual(candidate, digest);
    isRight = (isEqual && isLive) || isRight;
  }
  return isRight;
}
