import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import type { EncryptionKey, EncryptionKeys } from './encryption-key.ts';

const VERSION = 'v1';
const CIPHER = 'aes-256-gcm';
/** 96 bits, drawn at random: one key may seal 2^32 times (NIST SP 800-38D §8.3), far more than a store of secrets does. */
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Why something sealed cannot be opened. */
export type SealProblem =
  /** Not a text that `seal` wrote. */
  | { readonly kind: 'malformed' }
  /** Sealed by a key that is not among those given. */
  | { readonly kind: 'unknownKey'; readonly keyId: string }
  /** Changed since, sealed for another record, or the key of that id is another one. */
  | { readonly kind: 'notAuthentic'; readonly keyId: string };

/**
 * Seals with the first key: `v1.<key id>.<iv>.<ciphertext and tag>`, the last two in base64url. `associatedData` is not
 * kept: it names the record, so that what was sealed for one cannot be moved to another.
 */
export function seal(plaintext: string, associatedData: string, keys: EncryptionKeys): string {
  const { id, key } = keys[0];
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(CIPHER, key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(associatedData, 'utf8'));
  const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${VERSION}.${id}.${iv.toString('base64url')}.${sealed.toString('base64url')}`;
}

/** The plaintext, or why there is none. `open` of the same text, data and keys as `seal` always succeeds. */
export function open(
  sealed: string,
  associatedData: string,
  keys: readonly EncryptionKey[],
): Result<string, SealProblem> {
  const [version, keyId, iv, body, ...rest] = sealed.split('.');
  if (version !== VERSION || keyId === undefined || iv === undefined || body === undefined || rest.length > 0)
    return err({ kind: 'malformed' });
  const ivBytes = Buffer.from(iv, 'base64url');
  const bodyBytes = Buffer.from(body, 'base64url');
  if (ivBytes.length !== IV_BYTES || bodyBytes.length < TAG_BYTES) return err({ kind: 'malformed' });
  const key = keys.find(({ id }) => id === keyId);
  if (key === undefined) return err({ kind: 'unknownKey', keyId });

  const decipher = createDecipheriv(CIPHER, key.key, ivBytes, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(associatedData, 'utf8'));
  decipher.setAuthTag(bodyBytes.subarray(-TAG_BYTES));
  try {
    const plaintext = Buffer.concat([decipher.update(bodyBytes.subarray(0, -TAG_BYTES)), decipher.final()]);
    return ok(plaintext.toString('utf8'));
  } catch {
    // The only failure of an authenticated cipher, and it says nothing further on purpose.
    return err({ kind: 'notAuthentic', keyId });
  }
}

/** True if the first key sealed it; else it should be sealed anew before its key is taken away. */
export function isSealedByFirst(sealed: string, keys: EncryptionKeys): boolean {
  return sealed.startsWith(`${VERSION}.${keys[0].id}.`);
}

/** Id of the key that sealed a text; `undefined` = not a text that `seal` wrote. */
export function sealingKeyOf(sealed: string): string | undefined {
  const [version, keyId] = sealed.split('.', 2);
  return version === VERSION ? keyId : undefined;
}

/** A sentence for the operator: what failed, and what helps. Names key ids only. */
export function describeSealProblem(problem: SealProblem, keys: readonly EncryptionKey[]): string {
  const known = keys.map(({ id }) => id).join(', ');
  switch (problem.kind) {
    case 'malformed':
      return 'is not in the form in which secrets are sealed: the record is damaged';
    case 'unknownKey':
      return `was sealed with the encryption key ${problem.keyId}, which is not there (known: ${known}); add it to encryptionKeys, not as the first one`;
    case 'notAuthentic':
      return `cannot be opened with the encryption key ${problem.keyId}: either that id now has another key, or the record was changed`;
  }
}
