import { createHash, createSecretKey, type KeyObject } from 'node:crypto';
import { err, ok, type Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { SettingProblem } from '../base/setting-problem.ts';

/** A key that seals what is secret in the store. */
export interface EncryptionKey {
  /** Named in everything that the key sealed: letters, digits, `_` and `-`. */
  readonly id: string;
  /** 32 bytes; a KeyObject, so that it does not print. */
  readonly key: KeyObject;
}

/** The first one seals, all open. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const HEX = /^[0-9A-Fa-f]{64}$/;
/** 32 bytes in base64 or base64url: 43 characters and at most one `=`. */
const BASE64 = /^(?:[A-Za-z0-9+/]{43}|[A-Za-z0-9_-]{43})=?$/;

/** 64 hex digits, base64 or base64url of 32 bytes, white space around it ignored; anything else → `undefined`. */
export function parseEncryptionKey(text: string): KeyObject | undefined {
  const trimmed = text.trim();
  if (HEX.test(trimmed)) return createSecretKey(Buffer.from(trimmed, 'hex'));
  if (BASE64.test(trimmed)) return createSecretKey(Buffer.from(trimmed, 'base64'));
  return undefined;
}

/** The configured keys in their order; an empty list is an empty answer, for which the caller has a default. Problems never hold key material. */
export function readEncryptionKeys(
  settings: readonly { readonly id: string; readonly key: Secret }[],
): Result<readonly EncryptionKey[], readonly SettingProblem[]> {
  const problems: SettingProblem[] = [];
  const keys: EncryptionKey[] = [];
  for (const [index, entry] of settings.entries()) {
    const path = ['encryptionKeys', index];
    if (!KEY_ID.test(entry.id))
      problems.push({
        path: [...path, 'id'],
        found: JSON.stringify(entry.id),
        expected: 'an id of letters, digits, _ and -, at most 64 characters',
      });
    if (settings.findIndex((other) => other.id === entry.id) < index)
      problems.push({ path: [...path, 'id'], found: JSON.stringify(entry.id), expected: 'an id of its own' });
    const key = parseEncryptionKey(entry.key.reveal());
    if (key === undefined)
      problems.push({
        path: [...path, 'key'],
        found: `a text of ${entry.key.reveal().trim().length} characters`,
        expected: `${KEY_BYTES} bytes, as 64 hex digits or base64`,
      });
    else keys.push({ id: entry.id, key });
  }
  return problems.length === 0 ? ok(keys) : err(problems);
}

/**
 * An id for a key that nobody named, made of its digest: a key file that was lost and made anew has another id, so that
 * what the old one sealed is reported as sealed by an unknown key and not as damaged.
 */
export function encryptionKeyOf(prefix: string, bytes: Uint8Array): EncryptionKey {
  const digest = createHash('sha256').update('gatehouse encryption key id\n').update(bytes).digest('hex');
  return { id: `${prefix}-${digest.slice(0, 8)}`, key: createSecretKey(bytes) };
}
