import type { EpochMilliseconds } from '../base/clock.ts';
import type { SigningAlgorithm } from './algorithm.ts';

/** One signing key at rest. The private part is sealed with the record's identity as associated data. */
export interface StoredSigningKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  /** Public members only (RFC 7517). */
  readonly publicJwk: Readonly<Record<string, unknown>>;
  /** Sealed private JWK, as `seal` of keys/sealing.ts wrote it. */
  readonly sealedPrivateKey: string;
  readonly createdAt: EpochMilliseconds;
}

/** The keys of one purpose (`assertion:ES256`, say). `next` is published before it signs, `previous` after. */
export interface StoredKeyring {
  readonly purpose: string;
  readonly previous?: StoredSigningKey;
  readonly current: StoredSigningKey;
  readonly next: StoredSigningKey;
  readonly rotatedAt: EpochMilliseconds;
  /** Grows by one with each write. */
  readonly revision: number;
}

/** All methods throw `StoreUnavailable` when they cannot know or could not make the change durable. */
export interface KeyringStore {
  /** `undefined` = no keys for this purpose yet. */
  find(purpose: string): Promise<StoredKeyring | undefined>;
  /** Sorted by purpose. */
  list(): Promise<readonly StoredKeyring[]>;
  /**
   * Writes only if the stored revision is still `expectedRevision` (0 = there is none yet): of two replicas that
   * rotate at once, one wins and the other reads the winner's. What is stored has the revision
   * `expectedRevision + 1`, whatever `keyring` says. Announces `keyringChanged`.
   */
  save(keyring: StoredKeyring, expectedRevision: number): Promise<'saved' | 'stale'>;
}
