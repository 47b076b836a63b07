import { hash } from 'node:crypto';
import type { Logger } from 'pino';
import type { ApiKeyStore } from '../api-keys/api-key-store.ts';
import { type Denial, denial } from '../authorization/denial.ts';
import type { Clock, EpochMilliseconds } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import type { ClientDirectory } from '../clients/client-directory.ts';
import type { Settings } from '../config/schema/config.ts';
import type { Credential, CredentialKind } from '../credentials/credential.ts';
import type { OwnVerificationKeys } from '../keys/keyring.ts';
import type { Principal } from '../principals/principal.ts';
import type { SessionService } from '../sessions/session-service.ts';
import type { TokenStore } from '../sessions/token-store.ts';
import type { ChangeFeed } from '../stores/change-feed.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import {
  createAccessTokenVerifier,
  dependencyOfClient,
  dependencyOfSession,
} from './access-token-verifier.ts';
import { createApiKeyVerifier, dependencyOfKey } from './api-key-verifier.ts';
import { createBearerVerifier } from './bearer-verifier.ts';
import { type CredentialCache, createCredentialCache } from './credential-cache.ts';
import type { TenantsOfIssuer } from './issuer.ts';
import type { IssuerKeysStatus } from './issuer-keys.ts';
import { openIssuers } from './issuers.ts';
import { createSessionVerifier } from './session-verifier.ts';
import { createSlidingSessions } from './sliding-sessions.ts';
import { createTicketVerifier } from './ticket-verifier.ts';
import { createUseRecorder } from './use-recorder.ts';
import type { Verification, Verifiers } from './verifier.ts';

export interface AuthenticationParts {
  readonly settings: Pick<Settings, 'apiKeys' | 'issuers' | 'login' | 'sessions' | 'tokens' | 'publicUrl'>;
  readonly apiKeys: ApiKeyStore;
  readonly sessions: SessionService;
  readonly tokens: TokenStore;
  readonly clients: Pick<ClientDirectory, 'find' | 'isCurrent'>;
  readonly keyring: OwnVerificationKeys;
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

type CachedKind = Exclude<CredentialKind, 'ticket'>;

function slidingLogins(logins: Settings['login']): ReadonlySet<string> {
  const sliding = Object.entries(logins).filter(([, { intercept }]) => intercept?.sliding === true);
  return new Set(sliding.map(([name]) => name));
}

/** Throws where the settings cannot work: an authority file that cannot be read, two entries for one issuer. */
export function createAuthentication(parts: AuthenticationParts): Authentication {
  const { settings, metrics } = parts;
  const { entries } = settings.apiKeys.cache;
  const caches: Readonly<Record<CachedKind, CredentialCache>> = {
    apiKey: createCredentialCache(entries),
    bearer: createCredentialCache(entries),
    session: createCredentialCache(entries),
  };
  const issuers = openIssuers(settings.issuers, parts, (key) => caches.bearer.changed(key));
  const verifiers: Verifiers = {
    apiKey: createApiKeyVerifier(settings.apiKeys, parts.apiKeys),
    bearer: createBearerVerifier(issuers.list, parts.tenantsOfIssuer, createAccessTokenVerifier(parts)),
    session: createSessionVerifier(parts),
    ticket: createTicketVerifier(parts),
  };
  const sliding = createSlidingSessions({
    sessions: parts.sessions,
    logins: slidingLogins(settings.login),
    ttl: settings.sessions.ttl,
    log: parts.log,
  });
  const uses = createUseRecorder(parts.apiKeys, settings.apiKeys.cache.lastUseEvery, parts.log);
  const unsubscribe = parts.changes.subscribe((change) => {
    switch (change.kind) {
      case 'apiKeyChanged':
        caches.apiKey.changed(dependencyOfKey(change.id));
        break;
      case 'sessionChanged':
        changed(dependencyOfSession(change.id));
        break;
      case 'clientChanged':
        changed(dependencyOfClient(change.id));
        break;
      case 'resynchronise':
        for (const cache of Object.values(caches)) cache.forgetAll();
        break;
      // The revocation list and the tenant are asked on every request; rings are asked for their keys.
      case 'revocationAdded':
      case 'revocationRemoved':
      case 'tenantChanged':
      case 'keyringChanged':
        break;
    }
  });

  /** Own access tokens and session cookies rest on sessions and clients. */
  function changed(dependency: string): void {
    caches.bearer.changed(dependency);
    caches.session.changed(dependency);
  }

  function verify(credential: Credential, digest: string, now: EpochMilliseconds): Promise<Verification> {
    switch (credential.kind) {
      case 'apiKey':
        return verifiers.apiKey(credential, digest, now);
      case 'bearer':
        return verifiers.bearer(credential, digest, now);
      case 'session':
        return verifiers.session(credential, digest, now);
      case 'ticket':
        return verifiers.ticket(credential, digest, now);
    }
  }

  function conclude(verification: Verification, now: EpochMilliseconds): Result<Principal, Denial> {
    if (verification.kind === 'refused') return err(verification.denial);
    const { principal, usedKey } = verification;
    if (principal.expiresAt !== undefined && now >= principal.expiresAt) {
      return err(denial('credential_expired', `${principal.credentialId} has expired`, { principal }));
    }
    if (usedKey !== undefined) uses.record(usedKey, now);
    if (principal.session !== undefined) sliding.used(principal, now);
    return ok(principal);
  }

  return {
    authenticate(credential, now) {
      const { kind } = credential;
      const digest = hash('sha256', credential.value.reveal());
      // Good once, so there is nothing to remember.
      if (kind === 'ticket') return verify(credential, digest, now).then((made) => conclude(made, now));
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
        cachedCredentials: caches.apiKey.size() + caches.bearer.size() + caches.session.size(),
        issuers: issuers.status(),
      };
    },
    async close() {
      unsubscribe();
      await Promise.all([issuers.close(), uses.close()]);
    },
  };
}
