import type { BaseLogger } from 'pino';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { Outage } from '../base/outage.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { SigningAlgorithm } from './algorithm.ts';
import type { EncryptionKeys } from './encryption-key.ts';
import { type EncryptionKeyUse, encryptionKeyUses } from './encryption-key-use.ts';
import type { VerificationKey } from './jwks-admission.ts';
import type { KeyringStore, StoredKeyring } from './keyring-store.ts';
import {
  openRing,
  parsePurpose,
  publicKeysOf,
  purposeOf,
  type Ring,
  type RingPurpose,
  resealRing,
  type SignedKind,
  verificationKeysOf,
} from './ring.ts';
import { createSigningKey, type PublicJwk, type SigningKey } from './signing-key.ts';

/** How long a verifier may keep the published key set without asking again; for Cache-Control of the endpoint. */
export const JWKS_MAX_AGE_SECONDS = 300;

/** An assertion lives at most 60 s, an access token an hour; `gatehouse check` holds the configuration to it. */
const LONGEST_SIGNED_LIFE_SECONDS: Readonly<Record<SignedKind, number>> = {
  assertion: 60,
  'access-token': 3600,
};
/** For clocks that differ and caches that are late. */
const ALLOWANCE_SECONDS = 240;

/**
 * Least time between two rotations of one ring. It is what keeps verifiers working: a key is published as `next` at least
 * this long before it signs, and as `previous` at least this long after it signed last, so that a verifier that honours
 * `JWKS_MAX_AGE_SECONDS` knows every key it meets. Only the first key of a new ring signs from the moment it is published.
 */
export function minimumRotationOf(kind: SignedKind): number {
  return (JWKS_MAX_AGE_SECONDS + LONGEST_SIGNED_LIFE_SECONDS[kind] + ALLOWANCE_SECONDS) * 1000;
}

/** That of assertions: what `assertionKeys.rotateEvery` is at least. Rings that need more take more. */
export const MINIMUM_ROTATION_MILLISECONDS = minimumRotationOf('assertion');

/** How often it looks whether a rotation is due, and whether an announced change was missed. */
const TICK_MILLISECONDS = 60_000;

/** RFC 7517 §5. Public keys only. */
export interface JsonWebKeySet {
  readonly keys: readonly PublicJwk[];
}

/** What signs at this moment. */
export interface SigningKeys {
  /**
   * The same object until the next rotation. Throws `Outage('identity_unavailable')` if no ring of the algorithm was
   * prepared or its ring is gone from the store. `kind` defaults to assertions.
   */
  signer(algorithm: SigningAlgorithm, kind?: SignedKind): SigningKey;
}

/** What verifies our own signatures. */
export interface OwnVerificationKeys {
  /** Keys of every ring of this kind, those that do not sign yet or no more included. The same array until something changes. */
  verificationKeys(kind: SignedKind): readonly VerificationKey[];
}

/**
 * The gateway's own signing keys: a ring per purpose (`assertion:ES256`, `access-token:ES256`) of previous, current and next. A rotation moves each
 * one place; any replica may rotate, and of two at once one wins and the other takes what it wrote.
 */
export interface Keyring extends SigningKeys, OwnVerificationKeys {
  /** Makes sure that there is a ring for each of the algorithms; `kind` defaults to assertions. Throws `StoreUnavailable`. */
  prepare(algorithms: readonly SigningAlgorithm[], kind?: SignedKind): Promise<void>;
  /** Public keys of all rings, whether the configuration still uses them or not. The same object until something changes. */
  jwks(): JsonWebKeySet;
  /**
   * `tooSoon`: the last rotation is less than `minimumRotationOf` its kind ago. To be rid of a key that leaked,
   * rotate twice: the first rotation stops its use, the second one takes it from the published set.
   */
  rotate(purpose: string): Promise<RotationOutcome>;
  /** Seals with the first encryption key what another one has sealed; gives how many rings. Throws `StoreUnavailable`. */
  reseal(): Promise<number>;
  /** Which encryption keys are needed still. Throws `StoreUnavailable`. */
  encryptionKeyUses(): Promise<readonly EncryptionKeyUse[]>;
  /** Why a ring from elsewhere could not be used here, as a sentence; `undefined` = it could. */
  problemWith(stored: StoredKeyring): string | undefined;
  /** No further rotation and no further look at the store. Signing goes on with the keys it has. */
  close(): void;
}

export type RotationOutcome =
  | { readonly kind: 'rotated' }
  | { readonly kind: 'tooSoon'; readonly notBefore: EpochMilliseconds }
  | { readonly kind: 'absent' };

export interface KeyringOptions {
  readonly store: KeyringStore;
  readonly changes: ChangeFeed;
  readonly encryptionKeys: EncryptionKeys;
  /** Milliseconds, at least `MINIMUM_ROTATION_MILLISECONDS`. */
  readonly rotateEvery: number;
  readonly clock: Clock;
  readonly log: Pick<BaseLogger, 'info' | 'error'>;
}

/**
 * Reads what is there. Throws an Error with a sentence for the operator if a stored key cannot be opened with the given
 * encryption keys, and `StoreUnavailable`. What an older encryption key sealed is sealed anew with the first one.
 */
export async function openKeyring(options: KeyringOptions): Promise<Keyring> {
  const { store, clock, log, encryptionKeys, rotateEvery } = options;
  if (rotateEvery < MINIMUM_ROTATION_MILLISECONDS)
    throw new Error(
      `assertionKeys.rotateEvery: found ${rotateEvery} ms, expected at least ${MINIMUM_ROTATION_MILLISECONDS} ms, so that verifiers can follow`,
    );

  const prepared = new Map<string, RingPurpose>();
  let rings: ReadonlyMap<string, Ring> = new Map();
  let published: JsonWebKeySet = { keys: [] };
  let verifying: Readonly<Record<SignedKind, readonly VerificationKey[]>> = {
    assertion: [],
    'access-token': [],
  };
  let lastTask: Promise<unknown> = Promise.resolve();
  let isRefreshQueued = false;
  let isClosed = false;

  /** One at a time: what a task has read stays true for this process until it is done. */
  function serially<T>(task: () => Promise<T>): Promise<T> {
    const done = lastTask.then(task);
    lastTask = done.catch(() => undefined);
    return done;
  }

  /** A ring that cannot be opened keeps its last good state; without one, it is an error. */
  async function read(): Promise<void> {
    const found = new Map<string, Ring>();
    for (const stored of await store.list()) {
      if (parsePurpose(stored.purpose) === undefined) continue;
      const known = rings.get(stored.purpose);
      const opened = openRing(stored, known, encryptionKeys);
      if (opened.ok) found.set(stored.purpose, opened.value);
      else if (known === undefined) throw new Error(opened.error);
      else {
        log.error({ purpose: stored.purpose, reason: opened.error }, 'changed signing keys cannot be used');
        found.set(stored.purpose, known);
      }
    }
    rings = found;
    published = { keys: [...found.values()].flatMap(publicKeysOf) };
    verifying = {
      assertion: ringsOf(found, 'assertion').flatMap(verificationKeysOf),
      'access-token': ringsOf(found, 'access-token').flatMap(verificationKeysOf),
    };
  }

  async function createMissing(): Promise<void> {
    for (const [purpose, { algorithm }] of prepared) {
      if (rings.has(purpose)) continue;
      const now = clock();
      const current = await createSigningKey(purpose, algorithm, now, encryptionKeys);
      const next = await createSigningKey(purpose, algorithm, now, encryptionKeys);
      const outcome = await store.save({ purpose, current, next, rotatedAt: now, revision: 1 }, 0);
      await read();
      if (outcome === 'saved') log.info({ purpose, kid: current.kid }, 'signing keys made');
    }
  }

  async function rotateRing({ stored }: Ring): Promise<void> {
    const now = clock();
    const { purpose, current, next, revision } = stored;
    const fresh = await createSigningKey(purpose, next.algorithm, now, encryptionKeys);
    const rotated = { purpose, previous: current, current: next, next: fresh, rotatedAt: now };
    const outcome = await store.save({ ...rotated, revision: revision + 1 }, revision);
    await read();
    if (outcome === 'saved') log.info({ purpose, kid: next.kid }, 'signing keys rotated');
  }

  async function reseal(): Promise<number> {
    let count = 0;
    for (const ring of rings.values()) {
      const resealed = resealRing(ring, encryptionKeys);
      // A replica that was faster has sealed it with the same key, or made new ones.
      if (resealed === undefined || (await store.save(resealed, ring.stored.revision)) === 'stale') continue;
      count += 1;
      log.info({ purpose: ring.stored.purpose }, 'signing keys sealed anew');
    }
    return count;
  }

  async function refresh(): Promise<void> {
    await read();
    await createMissing();
    const now = clock();
    for (const ring of rings.values()) {
      if (now >= ring.stored.rotatedAt + Math.max(rotateEvery, minimumOf(ring.stored.purpose)))
        await rotateRing(ring);
    }
  }

  /** In the background: what fails is logged and tried again at the next tick. */
  function refreshSoon(): void {
    if (isRefreshQueued || isClosed) return;
    isRefreshQueued = true;
    void serially(async () => {
      isRefreshQueued = false;
      if (isClosed) return;
      await refresh().catch((error: unknown) => log.error({ err: error }, 'signing keys not refreshed'));
    });
  }

  await serially(async () => {
    await read();
    await reseal();
    await refresh();
  });
  const unsubscribe = options.changes.subscribe((change) => {
    if (change.kind === 'keyringChanged' || change.kind === 'resynchronise') refreshSoon();
  });
  const ticks = setInterval(refreshSoon, TICK_MILLISECONDS);
  ticks.unref();

  return {
    signer(algorithm, kind = 'assertion') {
      const purpose = purposeOf({ kind, algorithm });
      const ring = rings.get(purpose);
      if (ring === undefined)
        throw new Outage('identity_unavailable', `there are no signing keys for ${purpose}`);
      return ring.current;
    },
    verificationKeys: (kind) => verifying[kind],
    jwks: () => published,
    prepare: (algorithms, kind = 'assertion') =>
      serially(async () => {
        for (const algorithm of algorithms) prepared.set(purposeOf({ kind, algorithm }), { kind, algorithm });
        await createMissing();
      }),
    rotate: (purpose) =>
      serially(async (): Promise<RotationOutcome> => {
        await read();
        const ring = rings.get(purpose);
        if (ring === undefined) return { kind: 'absent' };
        const notBefore = ring.stored.rotatedAt + minimumOf(purpose);
        if (clock() < notBefore) return { kind: 'tooSoon', notBefore };
        await rotateRing(ring);
        return { kind: 'rotated' };
      }),
    reseal: () =>
      serially(async () => {
        await read();
        const count = await reseal();
        await read();
        return count;
      }),
    encryptionKeyUses: async () => encryptionKeyUses(await store.list(), encryptionKeys),
    problemWith(stored) {
      if (parsePurpose(stored.purpose) === undefined) return undefined;
      const opened = openRing(stored, undefined, encryptionKeys);
      return opened.ok ? undefined : opened.error;
    },
    close() {
      isClosed = true;
      clearInterval(ticks);
      unsubscribe();
    },
  };
}

function ringsOf(rings: ReadonlyMap<string, Ring>, kind: SignedKind): readonly Ring[] {
  return [...rings.values()].filter(({ stored }) => parsePurpose(stored.purpose)?.kind === kind);
}

function minimumOf(purpose: string): number {
  return minimumRotationOf(parsePurpose(purpose)?.kind ?? 'access-token');
}
