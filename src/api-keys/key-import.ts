import type { KeyObject } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { type Refusal, refusal } from '../base/refusal.ts';
import { ok, type Result } from '../base/result.ts';
import type { Secret } from '../base/secret.ts';
import type { ApiKey, ApiKeyId } from './api-key.ts';
import { generateApiKey, idOfIssuedKey, pepperedDigest, sha256Digest } from './api-key-format.ts';
import type { ApiKeyStore } from './api-key-store.ts';
import { type DescriptionCheck, describedKey, type KeyDescription } from './key-description.ts';
import { checkLegacyKey } from './legacy-key.ts';

export interface KeyImport extends KeyDescription {
  /** Chosen by the importer; generated if absent. */
  readonly id?: ApiKeyId;
  readonly key: Secret;
}

export interface ImportedKey {
  /** `present`: this very key is accepted for this tenant already, and nothing was changed. */
  readonly outcome: 'imported' | 'present';
  readonly apiKey: ApiKey;
  /** Sentences about a key that is accepted but weak. */
  readonly warnings: readonly string[];
}

interface KeyImporterParts {
  readonly apiKeys: ApiKeyStore;
  readonly configuredKeys: () => readonly ApiKey[];
  readonly pepper: () => KeyObject | undefined;
  readonly check: DescriptionCheck;
  readonly clock: Clock;
}

/** Imports one key, or tells what an import would come to. Throws `StoreUnavailable`. */
export function createKeyImporter({ apiKeys, configuredKeys, pepper, check, clock }: KeyImporterParts) {
  function readKey(request: KeyImport): Result<Omit<ImportedKey, 'outcome'>, Refusal> {
    const text = request.key.reveal();
    const legacy = checkLegacyKey(text);
    if (!legacy.ok) return refusal('invalid', legacy.error);
    const issuedId = idOfIssuedKey(text);
    const secret = pepper();
    if (issuedId === undefined && secret === undefined) {
      return refusal(
        'conflict',
        'The configuration has no apiKeys.pepper, which imported keys are stored under.',
      );
    }
    if (issuedId !== undefined && (request.id ?? issuedId) !== issuedId) {
      return refusal('invalid', `The key was issued by a Gatehouse and has the id ${issuedId} in it.`);
    }
    const id = request.id ?? issuedId ?? generateApiKey().id;
    const digest =
      issuedId === undefined && secret !== undefined ? pepperedDigest(text, secret) : sha256Digest(text);
    return ok({
      apiKey: describedKey(request, id, digest, 'imported', clock()),
      warnings: legacy.value.warnings,
    });
  }

  async function findSameKey({ digest }: ApiKey): Promise<ApiKey | undefined> {
    const configured = configuredKeys().find(
      (key) => key.digest.algorithm === digest.algorithm && key.digest.hex === digest.hex,
    );
    return configured ?? apiKeys.findByDigest(digest);
  }

  /** What is in the way of a key; `undefined` = nothing. */
  async function findObstacle(
    apiKey: ApiKey,
    request: KeyImport,
  ): Promise<Result<ApiKey, Refusal> | undefined> {
    const same = await findSameKey(apiKey);
    if (same !== undefined) {
      const { id, tenant } = same;
      if (tenant !== apiKey.tenant) return taken(`This very key belongs to the tenant ${tenant} already`, id);
      if (request.id !== undefined && request.id !== id) return taken('This very key is there already', id);
      if (same.revokedAt !== undefined) return taken('This very key is there already, and revoked', id);
      return ok(same);
    }
    const { id } = apiKey;
    const isTaken =
      configuredKeys().some((key) => key.id === id) || (await apiKeys.findById(id)) !== undefined;
    return isTaken ? refusal('conflict', `There is a key with the id ${id} already.`, id) : undefined;
  }

  return async (request: KeyImport, isDryRun: boolean): Promise<Result<ImportedKey, Refusal>> => {
    const checked = await check(request);
    if (!checked.ok) return checked;
    const read = readKey(request);
    if (!read.ok) return read;
    const { apiKey, warnings } = read.value;
    // The store knows nothing of the keys of the configuration, so the look comes first; what gets in between clashes.
    const obstacle = await findObstacle(apiKey, request);
    if (obstacle?.ok === false) return obstacle;
    if (obstacle !== undefined) return ok({ outcome: 'present', apiKey: obstacle.value, warnings });
    if (!isDryRun && (await apiKeys.create(apiKey)) === 'clash') {
      return refusal('conflict', 'Its id, or this very key, was taken at the same time.');
    }
    return ok({ outcome: 'imported', apiKey, warnings });
  };
}

function taken(what: string, id: ApiKeyId) {
  return refusal('conflict', `${what}, with the id ${id}.`, id);
}
