import { createHmac, createPrivateKey, createSecretKey, type KeyObject, sign } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { TemplateProblem } from './field-template.ts';

/** As RFC 9421 §6.2.2 registers them. */
export type SignatureAlgorithm = 'hmac-sha256' | 'ed25519';

/** Signs a signature base; the answer is base64. A base is sent as one byte per character. */
export type SignBase = (base: string) => string;

/** As long as the digest: a shorter key is weaker than the algorithm (RFC 2104 §3). */
const LEAST_HMAC_BYTES = 32;

/**
 * `hmac-sha256`: the key is the UTF-8 bytes of the secret's text as it is written, not what it may be an encoding of.
 * `ed25519`: a private key, PKCS #8 PEM. Problems do not quote the secret.
 */
export function createSignatureKey(
  algorithm: SignatureAlgorithm,
  secret: Secret,
): Result<SignBase, TemplateProblem> {
  switch (algorithm) {
    case 'hmac-sha256': {
      const bytes = Buffer.from(secret.reveal(), 'utf8');
      if (bytes.length >= LEAST_HMAC_BYTES) return ok(hmacSigner(createSecretKey(bytes)));
      return err({
        found: `a secret of ${bytes.length} bytes`,
        expected: `at least ${LEAST_HMAC_BYTES} bytes`,
      });
    }
    case 'ed25519': {
      const key = parsePrivateKey(secret.reveal());
      if (key?.asymmetricKeyType === 'ed25519') return ok(ed25519Signer(key));
      return err({
        found: key === undefined ? 'a text that is no private key' : `a key of type ${key.asymmetricKeyType}`,
        expected: 'an Ed25519 private key, PKCS #8 PEM (openssl genpkey -algorithm ed25519)',
      });
    }
  }
}

/** RFC 9421 §3.3.3. */
export function hmacSigner(key: KeyObject): SignBase {
  return (base) => createHmac('sha256', key).update(base, 'latin1').digest('base64');
}

/** RFC 9421 §3.3.6. */
export function ed25519Signer(key: KeyObject): SignBase {
  return (base) => sign(null, Buffer.from(base, 'latin1'), key).toString('base64');
}

function parsePrivateKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pem, format: 'pem' });
  } catch {
    // The cause may quote the input.
    return undefined;
  }
}
