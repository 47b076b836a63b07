import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import type { EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { SigningAlgorithm } from './algorithm.ts';
import type { EncryptionKeys } from './encryption-key.ts';
import type { StoredSigningKey } from './keyring-store.ts';
import { describeSealProblem, open, seal } from './sealing.ts';

const generate = promisify(generateKeyPair);

/** 128 bits of strength, as the elliptic curves have (NIST SP 800-57 part 1, table 2). */
const RSA_BITS = 3072;

/** A public key as it is published: `kty` and its public members, `use`, `alg` and `kid` (RFC 7517 §4), nothing else. */
export type PublicJwk = Readonly<Record<string, string>>;

export interface SigningKey {
  /** RFC 7638 thumbprint of the public key. */
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly key: KeyObject;
  readonly publicJwk: PublicJwk;
}

export async function createSigningKey(
  purpose: string,
  algorithm: SigningAlgorithm,
  now: EpochMilliseconds,
  encryptionKeys: EncryptionKeys,
): Promise<StoredSigningKey> {
  const { key, kid, publicJwk } = describeKey(await generatePrivateKey(algorithm), algorithm);
  const privateJwk = JSON.stringify(key.export({ format: 'jwk' }));
  const sealedPrivateKey = seal(privateJwk, identityOf(purpose, algorithm, kid), encryptionKeys);
  return { kid, algorithm, publicJwk, sealedPrivateKey, createdAt: now };
}

async function generatePrivateKey(algorithm: SigningAlgorithm): Promise<KeyObject> {
  switch (algorithm) {
    case 'ES256':
      return (await generate('ec', { namedCurve: 'P-256' })).privateKey;
    case 'EdDSA':
      return (await generate('ed25519')).privateKey;
    case 'RS256':
      return (await generate('rsa', { modulusLength: RSA_BITS })).privateKey;
  }
}

/**
 * Opens the private part. The public part is derived from it rather than read from the record: who can write to the store
 * but has no encryption key cannot have a key of their own published. The error is a sentence for the operator.
 */
export function openSigningKey(
  purpose: string,
  stored: StoredSigningKey,
  encryptionKeys: EncryptionKeys,
): Result<SigningKey, string> {
  const opened = open(
    stored.sealedPrivateKey,
    identityOf(purpose, stored.algorithm, stored.kid),
    encryptionKeys,
  );
  const name = `The signing key ${stored.kid} of ${purpose}`;
  if (!opened.ok) return err(`${name} ${describeSealProblem(opened.error, encryptionKeys)}.`);
  const jwk = JSON.parse(opened.value) as JsonWebKey;
  const signingKey = describeKey(createPrivateKey({ key: jwk, format: 'jwk' }), stored.algorithm);
  if (signingKey.kid !== stored.kid) return err(`${name} is another key than its id says.`);
  return ok(signingKey);
}

/** Seals the private part anew, with the first encryption key. */
export function resealSigningKey(
  purpose: string,
  stored: StoredSigningKey,
  opened: SigningKey,
  encryptionKeys: EncryptionKeys,
): StoredSigningKey {
  const privateJwk = JSON.stringify(opened.key.export({ format: 'jwk' }));
  return {
    ...stored,
    sealedPrivateKey: seal(privateJwk, identityOf(purpose, stored.algorithm, stored.kid), encryptionKeys),
  };
}

/** What a sealed private key is bound to. JSON, so that no two identities share a text. */
function identityOf(purpose: string, algorithm: SigningAlgorithm, kid: string): string {
  return JSON.stringify(['signing-key', purpose, algorithm, kid]);
}

function describeKey(key: KeyObject, algorithm: SigningAlgorithm): SigningKey {
  const members = publicMembers(createPublicKey(key).export({ format: 'jwk' }));
  const kid = createHash('sha256').update(JSON.stringify(members)).digest('base64url');
  return { kid, algorithm, key, publicJwk: { ...members, use: 'sig', alg: algorithm, kid } };
}

/** The required members in lexicographic order, as the thumbprint wants them (RFC 7638 §3.2, RFC 8037 §2). */
function publicMembers(jwk: JsonWebKey): Readonly<Record<string, string>> {
  const { kty, crv, x, y, e, n } = jwk;
  if (kty === 'EC' && crv !== undefined && x !== undefined && y !== undefined) return { crv, kty, x, y };
  if (kty === 'OKP' && crv !== undefined && x !== undefined) return { crv, kty, x };
  if (kty === 'RSA' && e !== undefined && n !== undefined) return { e, kty, n };
  throw new Error('A signing key is of a type that this gateway does not make.');
}
