import { createSecretKey, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ApiKey, ApiKeyDigest, ApiKeyId } from '../api-keys/api-key.ts';
import { ISSUED_KEY_PREFIX, idOfIssuedKey, pepperedDigest } from '../api-keys/api-key-format.ts';
import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import { type Denial, denial } from '../authorization/denial.ts';
import type { EpochMilliseconds } from '../base/clock.ts';
import type { ApiKeySettings } from '../config/schema/config.ts';
import type { Principal } from '../principals/principal.ts';
import { revocationIdOf } from '../revocation/revocation.ts';
import { createConfiguredKeys } from './configured-keys.ts';
import { type Refused, refused, type Verification, type Verifiers } from './verifier.ts';

/** Characters of the longest key that is looked at. */
const MAX_KEY_LENGTH = 4096;

/** Compared where there is no such key, so that an unknown id takes the same path as a wrong secret. Matches nothing. */
const NO_KEY: ApiKeyDigest = { algorithm: 'sha256', hex: randomBytes(32).toString('hex') };

/** What a cached principal of this key depends on, as `dependsOn` of a verification. */
export function dependencyOfKey(id: ApiKeyId): string {
  return `key:${id}`;
}

/**
 * API keys of the store and of the configuration. A key of our shape is found by the id in it, after its check; any other by its digest.
 * Throws `StoreUnavailable` when the store cannot be asked.
 */
export function createApiKeyVerifier(settings: ApiKeySettings, store: ApiKeyStore): Verifiers['apiKey'] {
  const configured = createConfiguredKeys(settings.keys);
  const pepper = settings.pepper && createSecretKey(Buffer.from(settings.pepper.reveal(), 'utf8'));

  /** Every digest that a stored key could have been kept under, the presented one's own first. */
  function digestsOf(value: string, sha256: string): readonly ApiKeyDigest[] {
    const plain: ApiKeyDigest = { algorithm: 'sha256', hex: sha256 };
    return pepper === undefined ? [plain] : [plain, pepperedDigest(value, pepper)];
  }

  async function findIssued(id: ApiKeyId, digests: readonly ApiKeyDigest[]): Promise<ApiKey | undefined> {
    const ours = configured.findById(id);
    if (isMatch(ours, digests)) return ours;
    const stored = await store.findById(id);
    return isMatch(stored, digests) ? stored : undefined;
  }

  async function findImported(digests: readonly ApiKeyDigest[]): Promise<ApiKey | undefined> {
    for (const digest of digests) {
      const ours = configured.findByDigest(digest);
      if (isMatch(ours, digests)) return ours;
    }
    for (const digest of digests) {
      const stored = await store.findByDigest(digest);
      if (isMatch(stored, digests)) return stored;
    }
    return undefined;
  }

  async function verify(value: string, sha256: string, now: EpochMilliseconds): Promise<Verification> {
    if (value.length > MAX_KEY_LENGTH) return refused('credential_invalid', 'API key is too long');
    const isIssued = value.startsWith(ISSUED_KEY_PREFIX);
    const id = isIssued ? idOfIssuedKey(value) : undefined;
    if (isIssued && id === undefined) return refused('credential_invalid', 'API key is malformed: a typo');
    const digests = digestsOf(value, sha256);
    const key = id === undefined ? await findImported(digests) : await findIssued(id, digests);
    if (key === undefined) {
      const unknown: Refused =
        id === undefined
          ? refused('credential_invalid', 'API key is unknown')
          : { kind: 'refused', denial: wrongSecretOf(id) };
      return remembered(unknown, settings, now);
    }
    // From here on the secret is proven, so its holder may learn what became of it.
    const principal = principalOfKey(key);
    if (key.revokedAt !== undefined) {
      const refusal = refused('credential_revoked', `API key ${key.id} is revoked`, principal);
      return remembered(refusal, settings, now);
    }
    if (key.expiresAt !== undefined && now >= key.expiresAt) {
      const refusal = refused('credential_expired', `API key ${key.id} has expired`, principal);
      return remembered(refusal, settings, now);
    }
    return {
      kind: 'accepted',
      principal,
      dependsOn: [dependencyOfKey(key.id)],
      ...(key.origin !== 'configured' && { usedKey: key.id }),
    };
  }

  return (credential, sha256, now) => verify(credential.value.reveal(), sha256, now);
}

/** In constant time, and always one comparison per presented digest, whether there is a key or not. */
function isMatch(key: ApiKey | undefined, presented: readonly ApiKeyDigest[]): key is ApiKey {
  const expected = Buffer.from((key?.digest ?? NO_KEY).hex, 'hex');
  const algorithm = (key?.digest ?? NO_KEY).algorithm;
  let isEqual = false;
  for (const digest of presented) {
    const isSame = timingSafeEqual(Buffer.from(digest.hex, 'hex'), expected);
    if (isSame && digest.algorithm === algorithm) isEqual = true;
  }
  return isEqual && key !== undefined;
}

function wrongSecretOf(id: ApiKeyId): Denial {
  const reason = `API key ${id} is unknown, or its secret is wrong`;
  return denial('credential_invalid', reason, { guessed: id });
}

/** Nothing but a change of some key, which the feed announces, can make a refused key good; the time is for feeds that lag. */
function remembered(refusal: Refused, settings: ApiKeySettings, now: EpochMilliseconds): Refused {
  return { ...refusal, reusableUntil: now + settings.cache.unknown };
}

function principalOfKey(key: ApiKey): Principal {
  const subject = `key:${key.id}`;
  const keyId = revocationIdOf({ kind: 'key', id: key.id });
  return {
    kind: 'key',
    subject,
    client: subject,
    clientId: key.id,
    tenants: [key.tenant],
    scopes: new Set(key.scopes),
    roles: new Set(key.roles),
    profile: {},
    method: 'apiKey',
    issuedAt: key.createdAt,
    ...(key.expiresAt !== undefined && { expiresAt: key.expiresAt }),
    credentialId: keyId,
    revocationIds: [
      keyId,
      revocationIdOf({ kind: 'subject', subject }),
      revocationIdOf({ kind: 'client', client: subject }),
    ],
  };
}
