import { randomFillSync } from 'node:crypto';

const NONCE_BYTES = 16;
/** Drawn at once, since a call for 16 bytes costs as much as one for all of these. */
const NONCES_PER_DRAW = 256;

/** Makes nonces of 128 random bits in base64url; no part of a draw is used twice. */
export function createNonceSource(): () => string {
  const drawn = Buffer.alloc(NONCE_BYTES * NONCES_PER_DRAW);
  let used = drawn.length;
  return () => {
    if (used === drawn.length) {
      randomFillSync(drawn);
      used = 0;
    }
    used += NONCE_BYTES;
    return drawn.toString('base64url', used - NONCE_BYTES, used);
  };
}
