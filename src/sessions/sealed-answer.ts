import { createSecretKey, hkdfSync } from 'node:crypto';
import type { Secret } from '../base/secret.ts';
import type { EncryptionKeys } from '../keys/encryption-key.ts';
import { open, seal } from '../keys/sealing.ts';
import type { SessionId } from './session.ts';

const PURPOSE = 'gatehouse answer to a rotation';
const KEY_ID = 'replaced';
const KEY_BYTES = 32;

/** Which rotation an answer belongs to: what it was moved to cannot open it. */
interface RotationOf {
  readonly id: SessionId;
  /** Digest of the credential that the rotation gave out. */
  readonly successorDigest: string;
}

/** Seals what a rotation answered, so that only who has the credential that it replaced can open it; the store cannot. */
export function sealAnswer(answer: string, replaced: Secret, rotation: RotationOf): string {
  return seal(answer, placeOf(rotation), keysFrom(replaced, rotation.id));
}

/** `undefined`: the record is damaged. */
export function openAnswer(sealed: string, replaced: Secret, rotation: RotationOf): string | undefined {
  const opened = open(sealed, placeOf(rotation), keysFrom(replaced, rotation.id));
  return opened.ok ? opened.value : undefined;
}

/** HKDF-SHA-256 (RFC 5869). The credential has 260 random bits, of which the store has digests only. */
function keysFrom(replaced: Secret, id: SessionId): EncryptionKeys {
  const key = Buffer.from(hkdfSync('sha256', replaced.reveal(), id, PURPOSE, KEY_BYTES));
  return [{ id: KEY_ID, key: createSecretKey(key) }];
}

function placeOf({ id, successorDigest }: RotationOf): string {
  return `session-answer:${id}:${successorDigest}`;
}
