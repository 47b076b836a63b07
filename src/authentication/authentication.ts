import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import { type Denial, denial } from '../authorization/denial.ts';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { Settings } from '../config/schema/config.ts';
import type { Credential, CredentialKind } from '../credentials/credential.ts';
import type { Principal } from '../principals/principal.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { createApiKeyVerifier, dependencyOfKey } from './api-key-verifier.ts';
import { createBearerVerifier } from './bearer-verifier.ts';
import { type CredentialCache, createCredentialCache } from './credential-cache.ts';
import type { TenantsOfIssuer } from './issuer.ts';
import type { IssuerKeysStatus } from './issuer-keys.ts';
import { openIssuers } from './issuers.ts';
import { createUseRecorder } from './use-recorder.ts';
import type { Verification, Verifiers } from './verifier.ts';

export interface AuthenticationParts {
  readonly settings: Pick<Settings, 'apiKeys' | 'issuers'>;
  readonly apiKeys: ApiKeyStore;
  readonly changes: ChangeFeed;
  readonly tenantsOfIssuer: TenantsOfIssuer;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

export interface IssuerStatus {
  readonly name: string;
  /** Absent: no keys are configured, since it introspects. */
  readonly keys?: IssuerKeysStatus;
}

/** Who is behind a credential. One per configuration generation. */
export interface Authentication {
  /**
   * At once where the credential is remembered, and then with the very Principal of last time. Throws, or rejects with, an `Outage`
   * where it cannot be known. The revocation list and the tenant are the caller's to check, on every request.
   */
  authenticate(
    credential: Credential,
    now: EpochMilliseconds,
  ): Result<Principal, Denial> | Promise<Result<Principal, Denial>>;
  status(): { readonly cachedCredentials: number; readonly issuers: readonly IssuerStatus[] };
  /** Ends timers, subscriptions and connections, and writes back last uses. Requests that still run may fail. */
  close(): Promise<void>;
}

/** Throws where the settings cannot work: an authority file that cannot be read, two entries for one issuer. */
export function createAuthentication(parts: AuthenticationParts): Authentication {
  const { settings, metrics } = parts;
  const caches: Readonly<Record<CredentialKind, CredentialCache>> = {
    apiKey: createCredentialCache(settings.apiKeys.cache.entries),
    bearer: createCredentialCache(settings.apiKeys.cache.entries),
  };
  const issuers = openIssuers(settings.issuers, parts, (key) => caches.bearer.changed(key));
  const verifiers: Verifiers = {
    apiKey: createApiKeyVerifier(settings.apiKeys, parts.apiKeys),
    bearer: createBearerVerifier(issuers.list, parts.tenantsOfIssuer),
  };
  const uses = createUseRecorder(parts.apiKeys, settings.apiKeys.cache.lastUseEvery, parts.log);
  const unsubscribe = parts.changes.subscribe((change) => {
    if (change.kind === 'apiKeyChanged') caches.apiKey.changed(dependencyOfKey(change.id));
    else if (change.kind === 'resynchronise') caches.apiKey.forgetAll();
  });

  function verify(credential: Credential, digest: string, now: EpochMilliseconds): Promise<Verification> {
    return credential.kind === 'apiKey'
      ? verifiers.apiKey(credential, digest, now)
      : verifiers.bearer(credential, digest, now);
  }

  function conclude(verification: Verification, now: EpochMilliseconds): Result<Principal, Denial> {
    if (verification.kind === 'refused') return err(verification.denial);
    const { principal, usedKey } = verification;
    if (principal.expiresAt !== undefined && now >= principal.expiresAt) {
      return err(denial('credential_expired', `${principal.credentialId} has expired`, { principal }));
    }
    if (usedKey !== undefined) uses.record(usedKey, now);
    return ok(principal);
  }

  return {
    authenticate(credential, now) {
      const { kind } = credential;
      const digest = hash('sha256', credential.value.reveal());
      const known = caches[kind].find(digest, now);
      metrics.cacheLookup(
        kind,
        known === undefined ? 'miss' : known.kind === 'accepted' ? 'hit' : 'negative',
      );
      if (known !== undefined) return conclude(known, now);
      return caches[kind]
        .fill(digest, () => verify(credential, digest, now))
        .then((verification) => conclude(verification, now));
    },
    status() {
      return {
        cachedCredentials: caches.apiKey.size() + caches.bearer.size(),
        issuers: issuers.status(),
      };
    },
    async close() {
      unsubscribe();
      await Promise.all([issuers.close(), uses.close()]);
    },
  };
}
