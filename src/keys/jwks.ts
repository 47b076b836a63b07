import { err, ok, type Result } from '../base/result.ts';
import type { VerificationAlgorithm } from './algorithm.ts';
import { admitKey, type VerificationKey } from './jwks-admission.ts';

/** A member of a JWK set that is not used, and why. */
export interface RefusedKey {
  /** Its `kid`, cut to 64 characters, or its place in the set (`#0`). */
  readonly key: string;
  readonly reason: string;
}

/** The keys of an issuer (RFC 7517 §5). */
export interface KeySet {
  readonly keys: readonly VerificationKey[];
  readonly refused: readonly RefusedKey[];
}

const MAX_KEYS = 256;

/** Reads a JWK set. One bad member spoils no other; what is not a JWK set at all is an error. */
export function readKeySet(
  document: unknown,
  algorithms: readonly VerificationAlgorithm[],
): Result<KeySet, string> {
  if (typeof document !== 'object' || document === null || !('keys' in document)) {
    return err('not a JWK set: no keys member');
  }
  const members: unknown = document.keys;
  if (!Array.isArray(members)) return err('not a JWK set: keys is not an array');
  if (members.length > MAX_KEYS) return err(`more than ${MAX_KEYS} keys`);
  const admitted: VerificationKey[] = [];
  const refused: RefusedKey[] = [];
  for (const [index, member] of members.entries()) {
    const key = admitKey(member, algorithms);
    if (key.ok) admitted.push(key.value);
    else refused.push({ key: nameOf(member, index), reason: key.error });
  }
  const keys = admitted.filter((key) => !admitted.some((other) => isAmbiguous(key, other)));
  for (const key of admitted) {
    if (!keys.includes(key))
      refused.push({ key: cut(key.kid ?? ''), reason: 'another key has the same kid' });
  }
  return ok({ keys, refused });
}

/**
 * The one key that a token's header means. Without `kid`, only if exactly one key fits the algorithm; with it, the key that has it.
 * `undefined`: there is none.
 */
export function selectKey(
  keys: readonly VerificationKey[],
  kid: string | undefined,
  algorithm: VerificationAlgorithm,
): VerificationKey | undefined {
  const fitting = keys.filter(
    (key) => key.algorithms.has(algorithm) && (kid === undefined || key.kid === kid),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** Two keys of one `kid` are told apart only if no algorithm fits both (RFC 7517 §4.5). */
function isAmbiguous(key: VerificationKey, other: VerificationKey): boolean {
  if (key === other || key.kid === undefined || key.kid !== other.kid) return false;
  return [...key.algorithms].some((algorithm) => other.algorithms.has(algorithm));
}

function nameOf(member: unknown, index: number): string {
  const kid: unknown =
    typeof member === 'object' && member !== null && 'kid' in member ? member.kid : undefined;
  return typeof kid === 'string' && kid !== '' ? cut(kid) : `#${index}`;
}

function cut(kid: string): string {
  return kid.slice(0, 64);
}
