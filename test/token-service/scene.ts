import { createHash } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';
import { startLegacyApi } from '../../demo/legacy-api/server.ts';
import type { Verification } from '../../src/authentication/verifier.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { EndpointAnswer, EndpointCall } from '../../src/endpoints/endpoint.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import { openRedisStore } from '../../src/stores/redis/redis-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import type { TenantId } from '../../src/tenants/tenant.ts';
import { type RunningRedis, redisMissing, redisSettings, startRedis } from '../support/redis.ts';
import {
  ISSUER,
  openReplica,
  type ReopenedMembers,
  type Replica,
  readSettings,
  secretOf,
} from './replica.ts';

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
