import { createSecretKey, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { EncryptionKeys } from '../../src/keys/encryption-key.ts';
import type { Jar } from '../../src/sessions/jar.ts';
import type { NewSession, SessionService } from '../../src/sessions/session-service.ts';
import type { SessionStore } from '../../src/sessions/session-store.ts';
import { createSessionService } from '../../src/sessions/sessions.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { MINUTE, NOW, tenantId } from '../contract/fixtures.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis } from '../support/redis.ts';
import { DAY, HOUR } from './rotation-options.ts';

export const ENCRYPTION_KEYS: EncryptionKeys = [{ id: 'test', key: createSecretKey(randomBytes(32)) }];

export const JAR: Jar = {
  cookies: [{ upstream: 'api', name: 'JSESSIONID', value: 'kept-value', path: '/', version: 1 }],
  fields: [{ upstream: 'api', name: 'authorization', value: 'Bearer kept-field' }],
};

/** The login of a browser that wants to be remembered. */
export function aLogin(members: Partial<NewSession> = {}): NewSession {
  return {
    kind: 'browser',
    login: 'staff',
    subject: 'user:staff:acme:4711',
    user: { id: '4711', name: 'Zoë' },
    tenant: tenantId('acme'),
    tenants: [tenantId('acme'), tenantId('globex')],
    roles: ['clerk'],
    scopes: ['orders:read'],
    profile: { department: 'sales' },
    client: 'client:web-app',
    clientId: 'web-app',
    host: 'app.example.com',
    peer: '192.0.2.7',
    agent: 'Browser/1.0',
    jar: JAR,
    lives: { ttl: 30 * MINUTE, absolute: 12 * HOUR },
    rotation: { idle: 14 * DAY, absolute: 90 * DAY },
    perUser: 50,
    ...members,
  };
}

/** The login of a client that wants tokens. */
export function aTokenLogin(members: Partial<NewSession> = {}): NewSession {
  return aLogin({ kind: 'token', ...members });
}

/** One deployment: as many replicas as the store allows. */
export interface SessionScene {
  readonly stores: readonly Stores[];
  /** Of the first replica. */
  readonly store: SessionStore;
  readonly service: SessionService;
  /** A service of any replica, in turn. */
  readonly replica: (index: number) => SessionService;
  /** What the services' clock says; `NOW` at first. */
  clock: number;
  readonly logLines: readonly string[];
  readonly serviceWith: (encryptionKeys: EncryptionKeys) => SessionService;
}

/** Runs the suite against both stores, each test with an empty one. */
export function onBothStores(suite: (scene: () => SessionScene, storeName: string) => void): void {
  describe('on the embedded store', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-sessions-'));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    let opened = 0;
    const open = async () => [
      openEmbeddedStore({ path: path.join(folder, `${(opened += 1)}.db`), clock: systemClock }),
    ];
    suite(useScene(open), 'embedded');
  });

  describe.skipIf(redisMissing)(`on Redis ${redisMissing ?? 'with two replicas'}`, () => {
    let redis: RunningRedis;
    let opened = 0;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(() => redis.stop());
    const open = () => {
      const settings = redisSettings(redis, { keyPrefix: `t${(opened += 1)}:`, commandTimeout: 10_000 });
      const options = { settings, clock: systemClock, log: pino({ level: 'silent' }) };
      return Promise.all([openRedisStore(options), openRedisStore(options)]);
    };
    suite(useScene(open), 'redis');
  });
}

function useScene(open: () => Promise<readonly Stores[]>): () => SessionScene {
  let scene: SessionScene | undefined;
  beforeEach(async () => {
    scene = sceneOf(await open());
  });
  afterEach(async () => {
    await Promise.all((scene?.stores ?? []).map((stores) => stores.close()));
    scene = undefined;
  });
  return () => {
    if (scene === undefined) throw new Error('The scene is set during a test only.');
    return scene;
  };
}

function sceneOf(stores: readonly Stores[]): SessionScene {
  const lines: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
  const serviceOf = (index: number, encryptionKeys: EncryptionKeys): SessionService => {
    const sessions = stores[index % stores.length]?.sessions;
    if (sessions === undefined) throw new Error('no store');
    return createSessionService({ sessions, encryptionKeys, clock: () => scene.clock, log });
  };
  const scene: SessionScene = {
    stores,
    get store() {
      const [first] = stores;
      if (first === undefined) throw new Error('no store');
      return first.sessions;
    },
    get service() {
      return serviceOf(0, ENCRYPTION_KEYS);
    },
    replica: (index) => serviceOf(index, ENCRYPTION_KEYS),
    clock: NOW,
    logLines: lines,
    serviceWith: (encryptionKeys) => serviceOf(0, encryptionKeys),
  };
  return scene;
}
