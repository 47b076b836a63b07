import type { KeyObject } from 'node:crypto';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { changedMeanwhile, type Expectation } from '../base/expectation.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import { Secret } from '../base/secret.ts';
import type { RevocationStore } from '../revocation/revocation-store.ts';
import type { TenantId } from '../tenants/tenant.ts';
import type { ApiKey, ApiKeyId } from './api-key.ts';
import { apiKeyIdFor, generateApiKey, sha256Digest } from './api-key-format.ts';
import type { ApiKeyFilter, ApiKeyStore } from './api-key-store.ts';
import { createDescriptionCheck, describedKey, type KeyDescription } from './key-description.ts';
import { createKeyImporter, type ImportedKey, type KeyImport } from './key-import.ts';
import { type ApiKeyState, type KeyRevocations, keyRevocationsOf, stateOfKey } from './key-state.ts';

export interface KeyRotation {
  /** How long the old key is still accepted; never longer than it would have been. */
  readonly overlapMilliseconds: number;
  /** Of the new key. Absent: it lives as long as the old one was made to live. */
  readonly expiresAt?: EpochMilliseconds;
}

export interface KeyWithState {
  readonly apiKey: ApiKey;
  readonly state: ApiKeyState;
}

/** The only moment at which a key is known. */
export interface IssuedKey {
  readonly apiKey: ApiKey;
  readonly key: Secret;
}

export interface RotatedKey extends IssuedKey {
  readonly replaced: ApiKey;
}

/** All methods throw `StoreUnavailable`. Keys of the configuration are shown, and cannot be changed but revoked. */
export interface KeyService {
  /**
   * `attempt` names the creation: of those with one name, the first makes a key, and the others are refused with its id,
   * since the key itself is known no more.
   */
  create(description: KeyDescription, attempt?: string): Promise<Result<IssuedKey, Refusal>>;
  /** `isDryRun`: tells what it would come to, and changes nothing. */
  import(request: KeyImport, isDryRun?: boolean): Promise<Result<ImportedKey, Refusal>>;
  /** Sorted by id. */
  list(filter: ApiKeyFilter): Promise<readonly KeyWithState[]>;
  find(id: ApiKeyId): Promise<Result<KeyWithState, Refusal>>;
  rotate(
    id: ApiKeyId,
    rotation: KeyRotation,
    isExpected?: Expectation<KeyWithState>,
  ): Promise<Result<RotatedKey, Refusal>>;
  /** Idempotent. Refused by every replica at once, by an entry in the revocation list. */
  revoke(
    id: ApiKeyId,
    by: string,
    reason?: string,
    isExpected?: Expectation<KeyWithState>,
  ): Promise<Result<KeyWithState, Refusal>>;
}

export interface KeyServiceOptions {
  readonly apiKeys: ApiKeyStore;
  readonly revocations: Pick<RevocationStore, 'add' | 'find'>;
  /** Keys of the configuration that is serving. */
  readonly configuredKeys: () => readonly ApiKey[];
  /** Whether configuration or store has this tenant. */
  readonly isTenant: (id: TenantId) => Promise<boolean>;
  /** Pepper of imported keys; `undefined` if the configuration sets none. */
  readonly pepper: () => KeyObject | undefined;
  readonly clock: Clock;
}

/** Ids have 40 bits: a clash is rare, and a second one in a row means that something else is wrong. */
const ATTEMPTS = 3;

/** How much longer than its key an entry of the revocation list lives, since replicas' clocks differ; milliseconds. */
const ENTRY_MARGIN = 86_400_000;

export function createKeyService(options: KeyServiceOptions): KeyService {
  const { apiKeys, revocations, configuredKeys, isTenant, pepper, clock } = options;

  function findConfigured(id: ApiKeyId): ApiKey | undefined {
    return configuredKeys().find((key) => key.id === id);
  }

  async function find(id: ApiKeyId): Promise<ApiKey | undefined> {
    return findConfigured(id) ?? (await apiKeys.findById(id));
  }

  const checkDescription = createDescriptionCheck(isTenant, clock);
  const importKey = createKeyImporter({ apiKeys, configuredKeys, pepper, check: checkDescription, clock });

  /** Stores a new key under a free id. */
  async function issue(
    store: (key: ApiKey) => Promise<boolean>,
    description: KeyDescription,
  ): Promise<IssuedKey> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { id, key } = generateApiKey();
      const apiKey = describedKey(description, id, sha256Digest(key), 'issued', clock());
      if (findConfigured(id) === undefined && (await store(apiKey))) return { apiKey, key: new Secret(key) };
    }
    throw new Error('No free id for an API key was found');
  }

  /** The name of the attempt decides the id, so that the store itself sees to it that there is one key at most. */
  async function createOnce(
    description: KeyDescription,
    attempt: string,
  ): Promise<Result<IssuedKey, Refusal>> {
    const { id, key } = generateApiKey(apiKeyIdFor(attempt));
    const apiKey = describedKey(description, id, sha256Digest(key), 'issued', clock());
    if (findConfigured(id) === undefined && (await apiKeys.create(apiKey)) === 'created') {
      return ok({ apiKey, key: new Secret(key) });
    }
    const existing = await find(id);
    if (existing?.tenant !== description.tenant || existing.name !== description.name) {
      return refusal('invalid', 'This Idempotency-Key was used for another key: choose another one.');
    }
    return refusal(
      'conflict',
      `This Idempotency-Key has made the key ${id} already. If the answer was lost, rotate that key.`,
      id,
    );
  }

  async function revocationsOf(keys: readonly ApiKey[]): Promise<KeyRevocations> {
    const targets = keys.map(({ id }) => ({ kind: 'key', id }) as const);
    return keyRevocationsOf(await revocations.find(targets, clock()));
  }

  return {
    async create(description, attempt) {
      const checked = await checkDescription(description);
      if (!checked.ok) return checked;
      if (attempt !== undefined) return createOnce(description, attempt);
      return ok(await issue(async (apiKey) => (await apiKeys.create(apiKey)) === 'created', description));
    },

    import: (request, isDryRun = false) => importKey(request, isDryRun),

    async list(filter) {
      const stored = await apiKeys.list(filter);
      const { tenant, after } = filter;
      const configured = configuredKeys().filter(
        (key) => (tenant === undefined || key.tenant === tenant) && (after === undefined || key.id > after),
      );
      const ids = new Set(configured.map(({ id }) => id));
      const page = [...configured, ...stored.filter(({ id }) => !ids.has(id))]
        .sort((one, other) => (one.id < other.id ? -1 : 1))
        .slice(0, filter.limit);
      const entries = await revocationsOf(page);
      const now = clock();
      return page.map((apiKey) => ({ apiKey, state: stateOfKey(apiKey, entries, now) }));
    },

    async find(id) {
      const apiKey = await find(id);
      if (apiKey === undefined) return noSuchKey(id);
      return ok({ apiKey, state: stateOfKey(apiKey, await revocationsOf([apiKey]), clock()) });
    },

    async rotate(id, { overlapMilliseconds, expiresAt }, isExpected = () => true) {
      if (findConfigured(id) !== undefined) {
        return refusal('conflict', `The key ${id} is in the configuration file: replace it there.`);
      }
      const old = await apiKeys.findById(id);
      if (old === undefined) return noSuchKey(id);
      const now = clock();
      const state = stateOfKey(old, await revocationsOf([old]), now);
      // Nothing but a rotation or a revocation changes a key, and the store rotates none that either came to.
      if (!isExpected({ apiKey: old, state })) return changedMeanwhile(`key ${id}`);
      if (state === 'revoked') return refusal('conflict', `The key ${id} is revoked: create a new one.`);
      if (old.replacedBy !== undefined) {
        return refusal('conflict', `The key ${id} was rotated already; its successor is ${old.replacedBy}.`);
      }
      const successorExpiry =
        expiresAt ?? (old.expiresAt === undefined ? undefined : now + old.expiresAt - old.createdAt);
      const description = {
        ...old,
        ...(successorExpiry !== undefined && { expiresAt: successorExpiry }),
      };
      const checked = await checkDescription(description);
      if (!checked.ok) return checked;
      const oldExpiresAt = Math.min(old.expiresAt ?? Number.POSITIVE_INFINITY, now + overlapMilliseconds);
      let isGone = false;
      const issued = await issue(async (apiKey) => {
        const outcome = await apiKeys.rotate(id, apiKey, oldExpiresAt);
        isGone = outcome === 'absent';
        return outcome !== 'clash';
      }, description);
      if (isGone) return refusal('conflict', `The key ${id} was rotated or revoked at the same time.`);
      return ok({ ...issued, replaced: { ...old, expiresAt: oldExpiresAt, replacedBy: issued.apiKey.id } });
    },

    async revoke(id, by, reason, isExpected) {
      const apiKey = await find(id);
      if (apiKey === undefined) return noSuchKey(id);
      const now = clock();
      if (isExpected?.({ apiKey, state: stateOfKey(apiKey, await revocationsOf([apiKey]), now) }) === false) {
        return changedMeanwhile(`key ${id}`);
      }
      // The entry comes first: if marking the key then fails, the key is refused all the same.
      await revocations.add({
        target: { kind: 'key', id },
        // The configuration may move the expiry of a key of its own.
        ...(apiKey.origin !== 'configured' &&
          apiKey.expiresAt !== undefined && { expiresAt: Math.max(apiKey.expiresAt, now) + ENTRY_MARGIN }),
        revokedAt: now,
        revokedBy: by,
        ...(reason !== undefined && { reason }),
      });
      if (findConfigured(id) === undefined) await apiKeys.revoke(id, now);
      return ok({ apiKey: { ...apiKey, revokedAt: apiKey.revokedAt ?? now }, state: 'revoked' });
    },
  };
}

function noSuchKey(id: ApiKeyId) {
  return refusal('absent', `There is no key ${id}.`);
}
