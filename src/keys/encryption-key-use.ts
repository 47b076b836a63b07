import type { EncryptionKeys } from './encryption-key.ts';
import type { StoredKeyring } from './keyring-store.ts';
import { sealingKeyOf } from './sealing.ts';

/** How far an encryption key is needed. */
export interface EncryptionKeyUse {
  readonly id: string;
  /** `sealing`: the first one. `opening`: a further one. `missing`: not configured, though it sealed something. */
  readonly state: 'sealing' | 'opening' | 'missing';
  /** Secrets of the store that it sealed. An opening key with none may be taken away. */
  readonly sealed: number;
}

/** The configured keys in their order, then the missing ones. */
export function encryptionKeyUses(
  keyrings: readonly StoredKeyring[],
  encryptionKeys: EncryptionKeys,
): readonly EncryptionKeyUse[] {
  const counts = new Map<string, number>();
  for (const { previous, current, next } of keyrings) {
    for (const key of [previous, current, next]) {
      const id = key === undefined ? undefined : sealingKeyOf(key.sealedPrivateKey);
      if (id !== undefined) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  const configured = encryptionKeys.map(({ id }, at): EncryptionKeyUse => {
    return { id, state: at === 0 ? 'sealing' : 'opening', sealed: counts.get(id) ?? 0 };
  });
  const missing = [...counts]
    .filter(([id]) => encryptionKeys.every((key) => key.id !== id))
    .map(([id, sealed]): EncryptionKeyUse => ({ id, state: 'missing', sealed }));
  return [...configured, ...missing];
}
