import { createHash, createSecretKey, hash, randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { startLegacyApi } from '../../demo/legacy-api/server.ts';
import {
  type AccessTokenVerifier,
  createAccessTokenVerifier,
} from '../../src/authentication/access-token-verifier.ts';
import { createFailureBudget } from '../../src/authentication/failure-budget.ts';
import type { Verification } from '../../src/authentication/verifier.ts';
import { systemClock } from '../../src/base/clock.ts';
import { ok } from '../../src/base/result.ts';
import { openClientDirectory } from '../../src/clients/open-client-directory.ts';
import { configSchema, type Settings } from '../../src/config/schema/config.ts';
import type { Endpoint, EndpointAnswer, EndpointCall } from '../../src/endpoints/endpoint.ts';
import type { EncryptionKeys } from '../../src/keys/encryption-key.ts';
import { type Keyring, openKeyring } from '../../src/keys/keyring.ts';
import { createLoginBridges } from '../../src/login/login-bridges.ts';
import { createRevocationList, type RevocationList } from '../../src/revocation/revocation-list.ts';
import type { SessionService } from '../../src/sessions/session-service.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { openTenantDirectory } from '../../src/tenants/tenant-directory.ts';
import { createTokenService } from '../../src/token-service/token-service.ts';
import { createPoolRegistry } from '../../src/upstream/pool-registry.ts';
import { createUpstreams } from '../../src/upstream/upstreams.ts';
import { createRecordedMetrics } from '../support/recorded-metrics.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis } from '../support/redis.ts';

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
type ReopenedMembers = Partial<
  Record<'clients' | 'tenants' | 'tokens' | 'sessions' | 'loginTenant', unknown>
>;

export interface TokenScene {
  /** One on the embedded store, two on Redis. */
  readonly replicas: readonly Replica[];
  readonly first: Replica;
  replica(index: number): Replica;
  /** What every clock says. */
  now: number;
  /** Number of logins that the legacy API was asked about. */
  logins(): number;
  /** Opens a further replica on the first one's store, with other clients or tenants. */
  reopen(members: ReopenedMembers): Promise<Replica>;
  stopUpstream(): Promise<void>;
  readonly log: () => string;
}

export interface CallOptions {
  readonly on?: Replica;
  /** Of the client, as `client_secret_basic`. */
  readonly as?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly hostTenant?: string;
  readonly query?: string;
  /** Default: one that has not called before. */
  readonly peer?: string;
  readonly method?: string;
  readonly body?: string;
  readonly repeated?: readonly string[];
}

export interface Answered {
  readonly status: number;
  readonly json: Readonly<Record<string, unknown>>;
  readonly raw: EndpointAnswer;
  field(name: string): string | undefined;
}

export const basicOf = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`;

/** Runs the suite against both stores, each test with an empty one, unless tests that leave nothing behind share it. */
export function onBothStores(
  suite: (scene: () => TokenScene) => void,
  extent: 'shared' | 'own' = 'own',
): void {
  describe('on the embedded store', () => {
    suite(useScene(async (clock) => [openEmbeddedStore({ path: ':memory:', clock })], extent));
  });
  describe.skipIf(redisMissing)(`on Redis ${redisMissing ?? 'with two replicas'}`, () => {
    let redis: RunningRedis;
    let opened = 0;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(() => redis.stop());
    suite(
      useScene(() => {
        const settings = redisSettings(redis, { keyPrefix: `t${(opened += 1)}:`, commandTimeout: 10_000 });
        const options = { settings, clock: systemClock, log: pino({ level: 'silent' }) };
        return Promise.all([openRedisStore(options), openRedisStore(options)]);
      }, extent),
    );
  });
}

function useScene(
  open: (clock: () => number) => Promise<readonly Stores[]>,
  extent: 'shared' | 'own',
): () => TokenScene {
  let opened: Awaited<ReturnType<typeof openScene>> | undefined;
  const [before, after] = extent === 'shared' ? [beforeAll, afterAll] : [beforeEach, afterEach];
  before(async () => {
    opened = await openScene(open);
  });
  after(async () => {
    await opened?.close();
    opened = undefined;
  });
  return () => {
    if (opened === undefined) throw new Error('The scene is set during a test only.');
    return opened.scene;
  };
}

async function openScene(open: (clock: () => number) => Promise<readonly Stores[]>) {
  const legacy = await startLegacyApi({ port: 0 });
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const clock = () => scene.now;
  const opened: Replica[] = [];
  const settingsOf = (members: ReopenedMembers) => readSettings(legacy.url, members);
  let isUp = true;
  const stopUpstream = async () => {
    if (isUp) await legacy.close();
    isUp = false;
  };
  const scene: TokenScene = {
    replicas: opened,
    get first() {
      return scene.replica(0);
    },
    replica(index) {
      const found = opened[index % replicaCount];
      if (found === undefined) throw new Error('no replica');
      return found;
    },
    now: Date.now(),
    logins: () => legacy.received().filter(({ target }) => target === '/api/login').length,
    async reopen(members) {
      const replica = await openReplica(settingsOf(members), scene.first.stores, clock, log);
      opened.push(replica);
      return replica;
    },
    stopUpstream,
    log: () => lines.join(''),
  };
  const stores = await open(clock);
  const replicaCount = stores.length;
  for (const each of stores) opened.push(await openReplica(settingsOf({}), each, clock, log));
  return {
    scene,
    close: async () => {
      for (const replica of opened) await replica.close();
      for (const each of stores) await each.close();
      await stopUpstream();
    },
  };
}

function readSettings(legacyUrl: string, { loginTenant, ...members }: ReopenedMembers): Settings {
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

async function openReplica(
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
  const failureBudget = createFailureBudget({ count: 30, windowMilliseconds: 60_000 });
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

let calls = 0;

/** Posts a form to an endpoint of the token service, as the listener would hand it over; each call from a peer of its own. */
export async function post(
  scene: TokenScene,
  path: string,
  parameters: Readonly<Record<string, string>>,
  options: CallOptions = {},
): Promise<Answered> {
  const endpoint = (options.on ?? scene.first).endpoints.get(path);
  if (endpoint === undefined) throw new Error(`no endpoint ${path}`);
  const fields: Record<string, string> = { 'content-type': 'application/x-www-form-urlencoded' };
  if (options.as !== undefined) fields['authorization'] = basicOf(options.as, secretOf(options.as));
  Object.assign(fields, options.fields);
  const call: EndpointCall = {
    method: options.method ?? 'POST',
    path,
    query: options.query ?? '',
    host: 'gw.test',
    scheme: 'https',
    origin: ISSUER,
    hostTenant: options.hostTenant as TenantId | undefined,
    peer: options.peer ?? `peer-${(calls += 1)}`,
    field: (name) => fields[name],
    isRepeated: (name) => options.repeated?.includes(name) === true,
    forwardable: [],
    body: Buffer.from(options.body ?? new URLSearchParams(parameters).toString()),
    now: scene.now,
    decisionId: 'd-1',
  };
  const raw = await endpoint.answer(call);
  const text = raw.body.toString();
  return {
    status: raw.status,
    json: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    raw,
    field(name) {
      const at = raw.fields.findIndex((each, index) => index % 2 === 0 && each.toLowerCase() === name);
      return at === -1 ? undefined : raw.fields[at + 1];
    },
  };
}

export function tokenOf(answer: Answered, name: 'access_token' | 'refresh_token' = 'access_token'): string {
  const token = answer.json[name];
  if (typeof token !== 'string') throw new Error(`no ${name}: ${answer.raw.body.toString()}`);
  return token;
}

/** What a replica makes of an access token: `accepted`, or the code of the refusal. */
export async function verdict(scene: TokenScene, token: string, on = scene.first): Promise<string> {
  const verification = await verificationOf(scene, token, on);
  if (verification === undefined) return 'not ours';
  if (verification.kind === 'refused') return verification.denial.code;
  const { principal } = verification;
  const revoked = on.revocations.find(principal, principal.tenants[0], scene.now);
  return revoked === undefined ? 'accepted' : 'credential_revoked';
}

export function verificationOf(
  scene: TokenScene,
  token: string,
  on = scene.first,
): Promise<Verification | undefined> {
  return on.verify(token, createHash('sha256').update(token).digest('hex'), scene.now);
}
