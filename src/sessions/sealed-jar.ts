import { ok, type Result } from '../base/result.ts';
import type { EncryptionKeys } from '../keys/encryption-key.ts';
import { describeSealProblem, open, seal } from '../keys/sealing.ts';
import type { Jar, SealedJar } from './jar.ts';
import type { Session } from './session.ts';

/** The jar as the store is to have it, sealed for this session and its tenant alone. */
export function sealJar(
  jar: Jar,
  session: Pick<Session, 'id' | 'tenant'>,
  revision: number,
  encryptionKeys: EncryptionKeys,
): SealedJar {
  return { sealed: seal(JSON.stringify(jar), placeOf(session), encryptionKeys), revision };
}

/** The error says why, in a sentence for the operator without its subject. */
export function openJar(
  { sealed }: SealedJar,
  session: Pick<Session, 'id' | 'tenant'>,
  encryptionKeys: EncryptionKeys,
): Result<Jar, string> {
  const opened = open(sealed, placeOf(session), encryptionKeys);
  if (!opened.ok) return { ok: false, error: describeSealProblem(opened.error, encryptionKeys) };
  // Authentic, so that it is what `sealJar` wrote.
  return ok(JSON.parse(opened.value) as Jar);
}

export function isEmptyJar({ cookies, fields }: Jar): boolean {
  return cookies.length === 0 && fields.length === 0;
}

/** Neither id nor tenant can hold a colon. */
function placeOf({ id, tenant }: Pick<Session, 'id' | 'tenant'>): string {
  return `session-jar:${id}:${tenant}`;
}
