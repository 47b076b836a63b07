import { createSecretKey, hash, randomBytes } from 'node:crypto';
import type { pino } from 'pino';
import {
  type AccessTokenVerifier,
  createAccessTokenVerifier,
} from '../../src/authentication/access-token-verifier.ts';
import { createFailureBudget } from '../../src/authentication/failure-budget.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ok } from '../../src/base/result.ts';
import { openClientDirectory } from '../../src/clients/open-client-directory.ts';
import { configSchema, type Settings } from '../../src/config/schema/config.ts';
import type { Endpoint } from '../../src/endpoints/endpoint.ts';
import type { EncryptionKeys } from '../../src/keys/encryption-key.ts';
import { type Keyring, openKeyring } from '../../src/keys/keyring.ts';
import { createRateBuckets } from '../../src/limits/rate-buckets.ts';
import { createLoginBridges } from '../../src/login/login-bridges.ts';
import { createRevocationList, type RevocationList } from '../../src/revocation/revocation-list.ts';
import type { SessionService } from '../../src/sessions/session-service.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { openTenantDirectory } from '../../src/tenants/tenant-directory.ts';
import { createTokenService } from '../../src/token-service/token-service.ts';
import { createPoolRegistry } from '../../src/upstream/pool-registry.ts';
import { createUpstreams } from '../../src/upstream/upstreams.ts';
import { createRecordedMetrics } from '../support/recorded-metrics.ts';

export const ISSUER = 'https://gw.test';
const ENCRYPTION_KEYS: EncryptionKeys = [{ id: 'test', key: createSecretKey(randomBytes(32)) }];

/** What a program may choose as a secret; has to be encoded for Basic. */
export const ODD_SECRET = 'per cent % plus + colon : umlaut ü, long enough';
export const ANNA = { grant_type: 'password', username: 'anna', password: 'acme-anna-pw' };

export const secretOf = (client: string) => (client === 'odd' ? ODD_SECRET : `ghc_secret-of-${client}`);

function confidential(id: string, members: object) {
  return { [id]: { secretDigest: `sha256:${hash('sha256', secretOf(id))}`, ...members } };
}

/** Clients by what they are for; each has the secret of `secretOf`, but the public ones. */
export function clientSettings(): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const scopes = ['orders:read', 'orders:write'];
  const users = { scopes, tenants: 'any', login: 'legacy' };
  const both = ['password', 'refresh_token'];
  return {
    ...confidential('erp', { grants: ['client_credentials'], scopes, tenants: ['acme'] }),
    ...confidential('odd', { grants: ['client_credentials'], tenants: ['acme'] }),
    ...confidential('multi', { grants: ['client_credentials'], scopes, tenants: ['acme', 'globex'] }),
    ...confidential('anywhere', { grants: ['client_credentials'], scopes, tenants: 'any' }),
    ...confidential('old', { ...users, grants: both }),
    ...confidential('bound', { ...users, grants: both, tenants: ['acme'] }),
    ...confidential('brief', { ...users, grants: ['password'] }),
    ...confidential('jwt', { ...users, grants: [...both, 'client_credentials'], accessTokens: 'jwt' }),
    ...confidential('api-acme', { tenants: ['acme'] }),
    ...confidential('api-globex', { tenants: ['globex'] }),
    phone: { ...users, public: true, grants: both, origins: ['https://app.example'] },
  };
}

export interface Replica {
  readonly stores: Stores;
  readonly sessions: SessionService;
  readonly keyring: Keyring;
  readonly revocations: RevocationList;
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  readonly verify: AccessTokenVerifier;
  close(): Promise<void>;
}

/** Members of the configuration; `loginTenant` is `tenant` of the login block. */
export type ReopenedMembers = Partial<
  Record<'clients' | 'tenants' | 'tokens' | 'sessions' | 'loginTenant', unknown>
>;

/** Settings with the legacy API as the upstream, and what a test changes of them. */
export function readSettings(legacyUrl: string, { loginTenant, ...members }: ReopenedMembers): Settings {
  return configSchema((text) => ok(text)).parse({
    listen: { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' },
    publicUrl: ISSUER,
    store: { embedded: { path: ':memory:' } },
    tenants: {
      acme: { credentials: { legacyKey: 'acme-legacy-4711' } },
      globex: { credentials: { legacyKey: 'globex-legacy-0815' } },
    },
    login: {
      legacy: {
        upstream: 'legacy',
        ...(loginTenant !== undefined && { tenant: loginTenant }),
        request: {
          path: '/api/login',
          json: { user: '{username}', password: '{password}', company: '{tenant.id}' },
          fields: { 'X-Api-Key': '{tenant.credentials.legacyKey}' },
        },
        user: { id: '/user/id', name: '/user/name', roles: '/user/roles' },
        keep: { cookies: ['ASP.NET_SessionId', 'auth'] },
      },
    },
    clients: clientSettings(),
    upstreams: { legacy: { targets: [legacyUrl] } },
    routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['bearer'], upstream: 'legacy' }],
    ...members,
  });
}

/** A gateway's parts about tokens on one store, without its sockets. */
export async function openReplica(
  settings: Settings,
  stores: Stores,
  clock: () => number,
  log: pino.Logger,
): Promise<Replica> {
  const metrics = createRecordedMetrics();
  const shared = { stores, clock, log, metrics, settings, changes: stores.changes };
  const list = await createRevocationList({ ...shared, revocations: stores.revocations });
  // How far behind it is has nothing to do with the travels of the scene's clock.
  const revocations: RevocationList = {
    find: (...of) => list.find(...of),
    lag: () => list.lag(systemClock()),
    get size() {
      return list.size;
    },
    close: () => list.close(),
  };
  const keyring = await openKeyring({
    ...shared,
    store: stores.keyring,
    encryptionKeys: ENCRYPTION_KEYS,
    rotateEvery: settings.assertionKeys.rotateEvery,
  });
  const pools = createPoolRegistry({ log, metrics });
  const upstreams = createUpstreams(settings.upstreams, settings.tenants, { pools, metrics, clock });
  const tenants = await openTenantDirectory({ ...shared, store: stores.tenants });
  const clients = await openClientDirectory({ ...shared, store: stores.clients });
  const sessions = createSessionService({
    sessions: stores.sessions,
    encryptionKeys: ENCRYPTION_KEYS,
    clock,
    log,
  });
  const logins = createLoginBridges({
    ...shared,
    upstreams: upstreams.byName,
    attempts: stores.attempts,
  });
  const parts = {
    ...shared,
    revocations,
    keyring,
    tenants,
    clients,
    sessions,
    logins,
    tokens: stores.tokens,
  };
  const failureBudget = createFailureBudget({ count: 30, windowMilliseconds: 60_000 }, createRateBuckets());
  return {
    stores,
    sessions,
    keyring,
    revocations,
    endpoints: createTokenService({ ...parts, failureBudget }),
    verify: createAccessTokenVerifier(parts),
    async close() {
      clients.close();
      tenants.close();
      upstreams.release();
      await pools.close(0);
      keyring.close();
      revocations.close();
    },
  };
}
