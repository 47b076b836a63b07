import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import {
  ask,
  CALLERS,
  type Caller,
  type CallerRequest,
  type Observation,
  startFaultLoad,
} from './fault-load.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from './gateway.ts';
import { createSigningKey, signToken } from './issuer.ts';
import { type RunningRedis, startRedis, until } from './redis.ts';

/** Two gateways on one Redis, each with an upstream that answers 200, and credentials for every caller. */
export interface FaultScene {
  readonly redis: RunningRedis;
  readonly gateways: readonly TestGateway[];
  /** Milliseconds. */
  readonly maxLag: number;
  trial(fault: Fault): Promise<Trial>;
  /** What each gateway answers to this caller now. `/stale` is as `/api`, but serves stale. */
  statusesOf(caller: Caller, path?: '/stale'): Promise<readonly number[]>;
  /** A further gateway, which is stopped with the others. */
  startAnother(): Promise<TestGateway>;
}

export interface Fault {
  readonly begin: () => unknown;
  /** Milliseconds that it lasts. */
  readonly lasts: number;
  readonly end: () => unknown;
  /** When credentials are taken back, by the first gateway. Default: in the middle of the fault. */
  readonly takeBack?: 'before' | 'during';
}

/** What was seen. Times are milliseconds of `performance.now()`. */
export interface Trial {
  readonly maxLag: number;
  readonly observations: readonly Observation[];
  readonly beganAt: number;
  readonly endedAt: number;
  /** Every caller was answered as it should by every gateway. */
  readonly recoveredAt: number;
  /** When taking back was acknowledged: the key, and the subject. */
  readonly acknowledgedAt: ReadonlyMap<Caller, number>;
  /** Whether taking back was acknowledged while the fault lasted. */
  readonly isTakenBackDuring: boolean;
}

export interface FaultSceneOptions {
  /** Of the server, besides an append-only file that is synced before each answer. */
  readonly redisArgs?: readonly string[];
  /** Where the gateways find the server. Default: itself. */
  readonly portFor?: (redis: RunningRedis) => number | Promise<number>;
  readonly maxLag?: number;
  readonly perSecond?: number;
}

export const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always'] as const;
/** Fewer than there are uncached keys, which take turns: each of them is asked of the store. */
const CACHED = 100;
const UNCACHED = 108;
const RECOVERY_MILLISECONDS = 15_000;
/** Load before the fault and after the recovery. */
const CALM_MILLISECONDS = 700;

export async function openFaultScene(options: FaultSceneOptions = {}): Promise<FaultScene> {
  const { maxLag = 2000, perSecond = 10 } = options;
  const redis = await startRedis([...DURABLE, ...(options.redisArgs ?? [])]);
  onTestFinished(() => redis.stop());
  const port = (await options.portFor?.(redis)) ?? redis.port;
  const signing = await createSigningKey('ES256', 'k1');
  const files = { 'keys.json': JSON.stringify({ keys: [signing.publicJwk] }) };
  const config = faultConfig({ origin: await startUpstream(), port, maxLag });
  async function startAnother(): Promise<TestGateway> {
    const gateway = await startTestGateway(config, { files });
    onTestFinished(() => gateway.stop());
    return gateway;
  }
  const first = await startAnother();
  const gateways = [first, await startAnother()];
  const tokenOf = async (subject: string): Promise<CallerRequest> => {
    const exp = Math.floor(Date.now() / 1000) + 600;
    const claims = { iss: 'https://login.test', aud: 'api', sub: subject, client_id: 'app', exp };
    return { path: '/api', headers: { authorization: `Bearer ${await signToken(signing, claims)}` } };
  };
  const issue = () => first.issueKey('acme');
  const [valid, revoked, takenBack] = [await issue(), await issue(), await issue()];
  const uncached = await Promise.all(Array.from({ length: UNCACHED }, issue));
  const requests: Readonly<Record<Exclude<Caller, 'uncached keys'>, CallerRequest>> = {
    'valid key': keyRequest(valid.key),
    'valid token': await tokenOf('valid'),
    'revoked key': keyRequest(revoked.key),
    'revoked subject': await tokenOf('revoked'),
    'taken back key': keyRequest(takenBack.key),
    'taken back subject': await tokenOf('taken-back'),
    public: { path: '/open', headers: {} },
  };
  let turn = 0;
  function requestOf(caller: Caller): CallerRequest {
    if (caller !== 'uncached keys') return requests[caller];
    turn += 1;
    return keyRequest(uncached[turn % UNCACHED]?.key ?? '');
  }

  async function revokeSubject(subject: string): Promise<void> {
    const target = { kind: 'subject', subject: `user:login:${subject}` };
    await first.admin('POST', '/v1/revocations', { target });
  }

  function statusesOf(caller: Caller, path?: '/stale'): Promise<readonly number[]> {
    const wanted = requestOf(caller);
    const request = path === undefined ? wanted : { ...wanted, path };
    return Promise.all(gateways.map((gateway) => ask(gateway.port, request)));
  }

  async function isAnswered(isTakenBack: boolean): Promise<boolean> {
    const right = await Promise.all(
      CALLERS.map(async (caller) => {
        const expected = statusWhenCalm(caller, isTakenBack);
        return (await statusesOf(caller)).every((status) => status === expected);
      }),
    );
    return !right.includes(false);
  }

  await first.admin('POST', `/v1/keys/${revoked.id}/revoke`);
  await revokeSubject('revoked');
  await until('everybody is answered as they should be', () => isAnswered(false));

  return {
    redis,
    gateways,
    maxLag,
    statusesOf,
    startAnother,
    async trial({ begin, lasts, end, takeBack = 'during' }) {
      const acknowledgedAt = new Map<Caller, number>();
      /** Each until it is acknowledged; a failure leaves it open whether it was done. */
      async function takeAllBack(): Promise<boolean> {
        const attempts: readonly (readonly [Caller, () => Promise<unknown>])[] = [
          ['taken back key', () => first.admin('POST', `/v1/keys/${takenBack.id}/revoke`)],
          ['taken back subject', () => revokeSubject('taken-back')],
        ];
        for (const [caller, attempt] of attempts) {
          if (acknowledgedAt.has(caller)) continue;
          await attempt().then(
            () => acknowledgedAt.set(caller, performance.now()),
            () => undefined,
          );
        }
        return acknowledgedAt.size === attempts.length;
      }

      const load = startFaultLoad({ ports: gateways.map((gateway) => gateway.port), perSecond, requestOf });
      await delay(CALM_MILLISECONDS);
      const beganAt = performance.now();
      if (takeBack === 'before') await takeAllBack();
      await begin();
      await delay(lasts / 2);
      await takeAllBack();
      const isTakenBackDuring = acknowledgedAt.size === 2;
      await delay(Math.max(0, beganAt + lasts - performance.now()));
      await end();
      const endedAt = performance.now();
      await until('everything is taken back', takeAllBack, RECOVERY_MILLISECONDS);
      await until('everybody is answered as before', () => isAnswered(true), RECOVERY_MILLISECONDS);
      const recoveredAt = performance.now();
      await delay(CALM_MILLISECONDS);
      await load.stop();
      const { observations } = load;
      return { maxLag, observations, beganAt, endedAt, recoveredAt, acknowledgedAt, isTakenBackDuring };
    },
  };
}

export function statusWhenCalm(caller: Caller, isTakenBack: boolean): 200 | 401 {
  if (caller.startsWith('revoked')) return 401;
  return caller.startsWith('taken back') && isTakenBack ? 401 : 200;
}

function keyRequest(key: string): CallerRequest {
  return { path: '/api', headers: { 'x-api-key': key } };
}

function faultConfig(place: {
  readonly origin: string;
  readonly port: number;
  readonly maxLag: number;
}): ConfigObject {
  return {
    store: {
      redis: { url: `redis://127.0.0.1:${place.port}`, commandTimeout: '1s' },
      maxLag: `${place.maxLag}ms`,
    },
    encryptionKeys: [{ id: 'e1', key: SHARED_KEY }],
    logging: { level: 'warn', requests: 'none' },
    audit: { requests: 'denied' },
    apiKeys: { cache: { entries: CACHED } },
    tenants: { acme: { issuers: ['login'] } },
    issuers: {
      login: {
        issuer: 'https://login.test',
        audience: 'api',
        keys: { jwksFile: 'keys.json' },
        tenant: { fixed: 'acme' },
      },
    },
    upstreams: { api: { targets: [place.origin], identity: { fields: { 'X-Tenant-Id': '{tenant.id}' } } } },
    routes: [
      { id: 'api', match: { path: '/api' }, accept: ['apiKey', 'bearer'], upstream: 'api' },
      {
        id: 'stale',
        match: { path: '/stale' },
        accept: ['apiKey', 'bearer'],
        serveStale: true,
        upstream: 'api',
      },
      { id: 'open', match: { path: '/open' }, public: true, upstream: 'api' },
    ],
  };
}

/** All replicas on one store share it. */
const SHARED_KEY = randomBytes(32).toString('hex');

async function startUpstream(): Promise<string> {
  const server = createServer((_request, response) => void response.end('ok')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
