import { ok, type Result } from '../base/result.ts';
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from './algorithm.ts';
import type { EncryptionKeys } from './encryption-key.ts';
import { admitKey, type VerificationKey } from './jwks-admission.ts';
import type { StoredKeyring, StoredSigningKey } from './keyring-store.ts';
import { isSealedByFirst } from './sealing.ts';
import { openSigningKey, type PublicJwk, resealSigningKey, type SigningKey } from './signing-key.ts';

/** A stored ring with its keys opened. */
export interface Ring {
  readonly stored: StoredKeyring;
  readonly previous: SigningKey | undefined;
  readonly current: SigningKey;
  readonly next: SigningKey;
}

/** What the keys of a ring sign. Each has keys of its own: a signature of one kind is never one of the other. */
export const SIGNED_KINDS = ['assertion', 'access-token'] as const;
export type SignedKind = (typeof SIGNED_KINDS)[number];

/** What a ring is for. */
export interface RingPurpose {
  readonly kind: SignedKind;
  readonly algorithm: SigningAlgorithm;
}

/** The name of a ring in the store: `assertion:ES256`, `access-token:ES256`. */
export function purposeOf({ kind, algorithm }: RingPurpose): string {
  return `${kind}:${algorithm}`;
}

const PURPOSES: ReadonlyMap<string, RingPurpose> = new Map(
  SIGNED_KINDS.flatMap((kind) =>
    SIGNING_ALGORITHMS.map((algorithm): RingPurpose => ({ kind, algorithm })),
  ).map((purpose) => [purposeOf(purpose), purpose]),
);

/** `undefined` = a ring of something else that shares the store. */
export function parsePurpose(purpose: string): RingPurpose | undefined {
  return PURPOSES.get(purpose);
}

/** Keys that `known` has open already are taken from there. The error is a sentence for the operator. */
export function openRing(
  stored: StoredKeyring,
  known: Ring | undefined,
  encryptionKeys: EncryptionKeys,
): Result<Ring, string> {
  function openKey(key: StoredSigningKey): Result<SigningKey, string> {
    const opened = [known?.previous, known?.current, known?.next].find((other) => other?.kid === key.kid);
    return opened === undefined ? openSigningKey(stored.purpose, key, encryptionKeys) : ok(opened);
  }
  const previous = stored.previous === undefined ? ok(undefined) : openKey(stored.previous);
  const current = openKey(stored.current);
  const next = openKey(stored.next);
  if (!previous.ok) return previous;
  if (!current.ok) return current;
  if (!next.ok) return next;
  return ok({ stored, previous: previous.value, current: current.value, next: next.value });
}

/** The ring as the first encryption key seals it; `undefined` = it has sealed all of it already. */
export function resealRing(ring: Ring, encryptionKeys: EncryptionKeys): StoredKeyring | undefined {
  const { stored, previous, current, next } = ring;
  const keys = [stored.previous, stored.current, stored.next];
  if (keys.every((key) => key === undefined || isSealedByFirst(key.sealedPrivateKey, encryptionKeys)))
    return undefined;
  const { purpose } = stored;
  return {
    ...stored,
    ...(stored.previous !== undefined &&
      previous !== undefined && {
        previous: resealSigningKey(purpose, stored.previous, previous, encryptionKeys),
      }),
    current: resealSigningKey(purpose, stored.current, current, encryptionKeys),
    next: resealSigningKey(purpose, stored.next, next, encryptionKeys),
  };
}

export function publicKeysOf({ current, next, previous }: Ring): readonly PublicJwk[] {
  return [current, next, ...(previous === undefined ? [] : [previous])].map((key) => key.publicJwk);
}

/** Its public keys as those that verify what it signs; the newest first. */
export function verificationKeysOf({ current, next, previous }: Ring): readonly VerificationKey[] {
  return [next, current, ...(previous === undefined ? [] : [previous])].flatMap((key) => {
    const admitted = admitKey(key.publicJwk, [key.algorithm]);
    return admitted.ok ? [admitted.value] : [];
  });
}
