import { createPublicKey, hash, type JsonWebKey, type KeyObject } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import type { VerificationAlgorithm } from './algorithm.ts';
import { isRocaModulus } from './jwks-roca.ts';

/** A public key that passed every check and may verify signatures. */
export interface VerificationKey {
  readonly kid: string | undefined;
  /** What a signature by this key may be made with; never empty. */
  readonly algorithms: ReadonlySet<VerificationAlgorithm>;
  readonly key: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo, base64url: identifies the key material whatever its `kid`. */
  readonly fingerprint: string;
}

/** Key type and curve of each algorithm (RFC 7518 §3.1, RFC 8037 §3.1). EdDSA is Ed25519 only. */
const KEY_OF_ALGORITHM: Readonly<
  Record<VerificationAlgorithm, { readonly kty: string; readonly crv?: string }>
> = {
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
};

/** Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1). */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

const MIN_RSA_BITS = 2048;
/** Verification time grows with the square of the size. */
const MAX_RSA_BITS = 8192;

type Jwk = Readonly<Record<string, unknown>>;

/**
 * One member of a JWK set as a key that may verify, or why it may not. `algorithms` are those of the issuer; a key
 * with `alg` is good for that one alone (RFC 8725 §3.1).
 */
export function admitKey(
  jwk: unknown,
  algorithms: readonly VerificationAlgorithm[],
): Result<VerificationKey, string> {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return err('not a JSON object');
  const members: Jwk = { ...jwk };
  const fault = faultOfMembers(members);
  if (fault !== undefined) return err(fault);
  const fitting = algorithms.filter((algorithm) => fits(members, algorithm));
  if (fitting.length === 0) return err('none of the algorithms of the issuer fits its kty, crv and alg');
  const key = importKey(members);
  if (key === undefined) return err('its members do not make a public key');
  const weakness = members['kty'] === 'RSA' ? weaknessOfRsaKey(key) : undefined;
  if (weakness !== undefined) return err(weakness);
  return ok({
    kid: typeof members['kid'] === 'string' ? members['kid'] : undefined,
    algorithms: new Set(fitting),
    key,
    fingerprint: hash('sha256', key.export({ type: 'spki', format: 'der' }), 'base64url'),
  });
}

function faultOfMembers(jwk: Jwk): string | undefined {
  if (jwk['kty'] === 'oct') return 'symmetric key';
  if (SECRET_MEMBERS.some((member) => Object.hasOwn(jwk, member))) {
    return 'it holds private members, so it is no secret any more';
  }
  if (jwk['kid'] !== undefined && (typeof jwk['kid'] !== 'string' || jwk['kid'] === '')) {
    return 'kid is not a text';
  }
  if (jwk['use'] !== undefined && jwk['use'] !== 'sig') return 'use is not sig';
  const operations = jwk['key_ops'];
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) {
    return 'key_ops has no verify';
  }
  return undefined;
}

function fits(jwk: Jwk, algorithm: VerificationAlgorithm): boolean {
  const wanted = KEY_OF_ALGORITHM[algorithm];
  if (jwk['kty'] !== wanted.kty) return false;
  if (wanted.crv !== undefined && jwk['crv'] !== wanted.crv) return false;
  if (jwk['alg'] === undefined || jwk['alg'] === algorithm) return true;
  // RFC 9864 names the curve in `alg`; tokens of such keys may still say EdDSA.
  return jwk['alg'] === 'Ed25519' && algorithm === 'EdDSA';
}

/** Only the members that make the public key: certificates and URLs beside them are not looked at. */
function importKey(jwk: Jwk): KeyObject | undefined {
  const { kty, crv, x, y, n, e } = jwk;
  try {
    return createPublicKey({ key: { kty, crv, x, y, n, e } as JsonWebKey, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function weaknessOfRsaKey(key: KeyObject): string | undefined {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_RSA_BITS) return `RSA of ${bits} bits; at least ${MIN_RSA_BITS}`;
  if (bits > MAX_RSA_BITS) return `RSA of ${bits} bits; at most ${MAX_RSA_BITS}`;
  const exponent = key.asymmetricKeyDetails?.publicExponent ?? 0n;
  if (exponent < 3n || exponent % 2n === 0n)
    return 'RSA with a public exponent that is not odd and at least 3';
  const modulus = BigInt(
    `0x${Buffer.from(key.export({ format: 'jwk' }).n ?? '', 'base64url').toString('hex')}`,
  );
  if (modulus % 2n === 0n) return 'RSA with an even modulus';
  return isRocaModulus(modulus) ? 'RSA modulus that can be factored (ROCA, CVE-2017-15361)' : undefined;
}
