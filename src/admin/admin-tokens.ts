import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { loadOrCreatePrivateFile } from '../base/private-file.ts';
import { Secret } from '../base/secret.ts';
import type { AdminRole } from './roles.ts';

export interface AdminToken {
  /** Who it is in the audit stream. */
  readonly name: string;
  readonly token: Secret;
  readonly role: AdminRole;
}

export type Administrator = Pick<AdminToken, 'name' | 'role'>;

/** The bearer tokens of the administration API. */
export interface AdminTokens {
  /** Whose token it is; `undefined` = nobody's. Takes the same time whichever it is. */
  find(presented: string): Administrator | undefined;
}

export function createAdminTokens(tokens: readonly AdminToken[]): AdminTokens {
  const known = tokens.map(({ name, role, token }) => ({
    administrator: { name, role },
    digest: sha256(token.reveal()),
  }));
  return {
    find(presented) {
      const digest = sha256(presented);
      let found: Administrator | undefined;
      for (const candidate of known) {
        if (timingSafeEqual(candidate.digest, digest)) found = candidate.administrator;
      }
      return found;
    },
  };
}

/** What our admin tokens begin with, so that secret scanners and our own logs know them. */
const PREFIX = 'gho_';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 43 base62 characters: 256 bits. */
const LENGTH = 43;
const TOKEN = /^gho_[0-9A-Za-z]{43}$/;

/**
 * The first token, of role `admin`, for a gateway whose configuration names none: read from `file`, or made and written there with mode
 * 0600. Print the name of the file, never the token. Throws an Error with a sentence for the operator.
 */
export async function loadOrCreateAdminToken(file: string): Promise<AdminToken> {
  const text = await loadOrCreatePrivateFile(file, generateAdminToken);
  if (!TOKEN.test(text)) {
    throw new Error(
      `The file ${file} does not hold an admin token: delete it, and the next start makes another.`,
    );
  }
  return { name: 'first-token', token: new Secret(text), role: 'admin' };
}

/** Uniform by rejection, so that no character is likelier. */
function generateAdminToken(): string {
  let text = '';
  while (text.length < LENGTH) {
    for (const byte of randomBytes(LENGTH)) text += BASE62.charAt(byte & 63); // 62 and 63 are past the end: nothing
  }
  return PREFIX + text.slice(0, LENGTH);
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
