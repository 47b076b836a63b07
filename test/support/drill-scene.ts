import { hash, randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type DrillAnswer,
  type DrillClient,
  type DrillKind,
  type DrillObservation,
  type DrillRequest,
  send,
  startDrillLoad,
} from './drill-load.ts';
import { startDrillUpstream } from './drill-upstream.ts';
import type { ConfigObject } from './gateway.ts';
import { until } from './redis.ts';
import {
  ADMIN_TOKEN,
  type LogLine,
  type ServedPlace,
  type ServedProgram,
  serveProgram,
} from './served-program.ts';

/** Gateways as processes of their own on one store, and clients of every kind that ask them all the while. */
export interface DrillScene {
  readonly replicas: readonly ServedProgram[];
  run(steps: DrillSteps): Promise<DrillReport>;
  stop(): Promise<void>;
}

export interface DrillSteps {
  readonly begin: () => unknown;
  /** Milliseconds from the beginning to the end; the end of what mends itself is nothing to do. */
  readonly lasts: number;
  readonly end?: () => unknown;
}

/** What was seen. Times are milliseconds of `performance.now()`. */
export interface DrillReport {
  readonly maxLag: number;
  readonly observations: readonly DrillObservation[];
  readonly beganAt: number;
  readonly endedAt: number;
  /** From then on every answer was the right one. */
  readonly recoveredAt: number;
  /** Revocations and new keys that were acknowledged. */
  readonly acknowledged: { readonly revocations: number; readonly newKeys: number };
  /** Acknowledged before the end, and not so when everything was over: those that pass, and those that do not. */
  readonly forgotten: { readonly revocations: number; readonly newKeys: number };
  /** Revocations that the gateways found to be lost, and put back. */
  readonly putBack: number;
  readonly log: readonly LogLine[];
}

export interface DrillOptions {
  /** Members of `store.redis`. */
  readonly redis: ConfigObject;
  readonly maxLag?: number;
  /** Of each kind of request for credentials at each gateway; logins and changes are fewer. */
  readonly perSecond?: number;
  /** Keys that are presented once at each gateway. */
  readonly freshKeys?: number;
  readonly victims?: number;
  /** One for each gateway. Default: two beside the test. */
  readonly places?: readonly (ServedPlace | undefined)[];
  /** Where the gateways reach the upstream. */
  readonly upstreamHost?: string;
}

interface Key {
  readonly id: string;
  readonly key: string;
  /** When its revocation, or its making, was acknowledged. */
  at?: number;
}

const SECRET = 'ghc_secret-of-the-drill';
const HOST = 'acme.gw.test';
const AT_ONCE = 10;
const CALM_MILLISECONDS = 1000;
const RECOVERY_MILLISECONDS = 60_000;
/** Until what a failover lost must have been made again. */
const HEALING_MILLISECONDS = 5000;
const FORM = { 'content-type': 'application/x-www-form-urlencoded' } as const;
const JSON_BODY = { 'content-type': 'application/json' } as const;
const MEANT = { 'gatehouse-csrf': '1', 'sec-fetch-site': 'same-origin' } as const;

export async function openDrillScene(options: DrillOptions): Promise<DrillScene> {
  const { maxLag = 5000, perSecond = 10, freshKeys = 400, victims: victimCount = 150 } = options;
  const places = options.places ?? [undefined, undefined];
  const upstream = await startDrillUpstream(options.upstreamHost ?? '127.0.0.1');
  const agent = new Agent({ keepAlive: true });
  const encryptionKey = randomBytes(32).toString('hex');
  const replicas: ServedProgram[] = [];

  async function stop(): Promise<void> {
    agent.destroy();
    await Promise.all(replicas.map((replica) => replica.remove()));
    await upstream.close();
  }

  const hosts = places.map((place) => place?.host ?? '127.0.0.1');

  function ask(replica: number, asked: Omit<DrillRequest, 'port'>, isAdmin = false): Promise<DrillAnswer> {
    const program = replicas[replica];
    const port = (isAdmin ? program?.adminPort : program?.publicPort) ?? 0;
    const headers = isAdmin
      ? { ...asked.headers, authorization: `Bearer ${ADMIN_TOKEN}` }
      : { ...asked.headers, host: HOST };
    return send({ ...asked, port, headers }, hosts[replica] ?? '127.0.0.1', agent);
  }

  const present = (replica: number, { key }: Key) =>
    ask(replica, { path: '/api/orders', headers: { 'x-api-key': key } });
  const presentSession = (replica: number, cookie: string) =>
    ask(replica, { path: '/api/orders', headers: { cookie } });
  const logIn = (replica: number, user: string) =>
    ask(replica, {
      method: 'POST',
      path: '/session',
      headers: { ...MEANT, ...JSON_BODY },
      body: JSON.stringify({ client_id: 'web-app', username: user, password: 'pw' }),
    });
  const askToken = (replica: number) =>
    ask(replica, {
      method: 'POST',
      path: '/oauth/token',
      headers: { ...FORM, authorization: `Basic ${Buffer.from(`batch:${SECRET}`).toString('base64')}` },
      body: 'grant_type=client_credentials',
    });
  const revoke = (replica: number, { id }: Key) =>
    ask(replica, { method: 'POST', path: `/v1/keys/${id}/revoke`, headers: JSON_BODY, body: '{}' }, true);

  async function makeKey(replica: number): Promise<{ status: number; key?: Key }> {
    const body = JSON.stringify({ tenant: 'acme', name: 'drill' });
    const made = await ask(replica, { method: 'POST', path: '/v1/keys', headers: JSON_BODY, body }, true);
    const key = /ghk_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}/.exec(made.body)?.[0];
    return { status: made.status, ...(key !== undefined && { key: { id: key.slice(4, 12), key } }) };
  }

  async function makeKeys(count: number): Promise<Key[]> {
    const made: Key[] = [];
    await inTurns(count, async () => {
      const { status, key } = await makeKey(0);
      if (key === undefined) throw new Error(`no key was issued: ${status}`);
      made.push(key);
    });
    return made;
  }

  try {
    const starting = places.map((place, index) =>
      serveProgram(
        drillConfig({ ...options, origin: upstream.origin, maxLag, encryptionKey, host: hosts[index] ?? '' }),
        place,
      ),
    );
    for (const started of await Promise.allSettled(starting))
      if (started.status === 'fulfilled') replicas.push(started.value);
    for (const replica of replicas)
      if (replica.publicPort === 0) throw new Error(`a gateway does not start:\n${replica.stderr()}`);
    await Promise.all(starting);
    const [remembered, ...fresh] = await makeKeys(freshKeys + 1);
    const victims = await makeKeys(victimCount);
    const sessionCookie = cookieOf(await logIn(0, 'anna'));
    if (remembered === undefined) throw new Error('no key');
    for (const replica of replicas.keys()) {
      await inTurns(victims.length, async (at) => {
        await present(replica, victims[at] ?? remembered);
      });
    }

    return {
      replicas,
      stop,
      async run({ begin, lasts, end }) {
        const revoked: Key[] = [];
        const made: Key[] = [];
        let users = 0;
        const next = replicas.map(() => 0);

        function clientsOf(replica: number): readonly DrillClient[] {
          const plain = (kind: DrillKind, rate: number, asking: () => Promise<DrillAnswer> | undefined) => ({
            kind,
            replica,
            rate,
            ask: () => asking()?.then(({ status }) => ({ status })),
          });
          return [
            plain('remembered key', perSecond, () => present(replica, remembered as Key)),
            plain('fresh key', perSecond, () => {
              const turn = next[replica] ?? 0;
              next[replica] = turn + 1;
              const key = fresh[turn];
              return key && present(replica, key);
            }),
            plain('session', perSecond, () => presentSession(replica, sessionCookie)),
            plain('login', 2, () => {
              users += 1;
              return logIn(replica, `user-${users}`);
            }),
            plain('token', 2, () => askToken(replica)),
            plain('public', perSecond, () => ask(replica, { path: '/open', headers: {} })),
            {
              kind: 'new key',
              replica,
              rate: 3,
              async ask() {
                const { status, key } = await makeKey(replica);
                if (key !== undefined) made.push({ ...key, at: performance.now() });
                return { status };
              },
            },
            {
              kind: 'revocation',
              replica,
              rate: 3,
              ask() {
                const victim = victims.pop();
                return (
                  victim &&
                  revoke(replica, victim).then(({ status }) => {
                    if (status === 200) revoked.push({ ...victim, at: performance.now() });
                    return { status };
                  })
                );
              },
            },
            {
              kind: 'revoked key',
              replica,
              rate: perSecond,
              ask() {
                // The newest ones half of the time: they are the ones that may be lost.
                const newest = Math.random() < 0.5 ? Math.min(3, revoked.length) : revoked.length;
                const key = revoked[revoked.length - 1 - Math.floor(Math.random() * newest)];
                return (
                  key && present(replica, key).then(({ status }) => ({ status, revokedAt: key.at ?? 0 }))
                );
              },
            },
          ];
        }

        const load = startDrillLoad([...replicas.keys()].flatMap(clientsOf));
        await delay(CALM_MILLISECONDS);
        const beganAt = performance.now();
        await begin();
        await delay(Math.max(0, beganAt + lasts - performance.now()));
        await end?.();
        const endedAt = performance.now();
        const lastTrouble = () =>
          load.observations.reduce(
            (last, seen) => (isCalm(seen) ? last : Math.max(last, seen.sentAt)),
            beganAt,
          );
        await until(
          'everybody is answered as before',
          () => performance.now() - Math.max(endedAt, lastTrouble()) > CALM_MILLISECONDS,
          RECOVERY_MILLISECONDS,
        );
        await load.stop();
        // What was acknowledged last has as long as was promised to hold everywhere.
        const lastAt = Math.max(0, ...revoked.map(({ at }) => at ?? 0));
        let passing = await countPassing(revoked);
        while (passing > 0 && performance.now() < lastAt + maxLag) passing = await countPassing(revoked);
        if (passing > 0) passing = await countPassing(revoked);
        const healedBy = performance.now() + HEALING_MILLISECONDS;
        let stillThere = await countPassing(made);
        while (stillThere < made.length && performance.now() < healedBy)
          stillThere = await countPassing(made);
        const log = replicas.flatMap((replica) => replica.log());
        return {
          maxLag,
          observations: load.observations,
          beganAt,
          endedAt,
          recoveredAt: lastTrouble(),
          acknowledged: { revocations: revoked.length, newKeys: made.length },
          forgotten: { revocations: passing, newKeys: made.length - stillThere },
          putBack: log.reduce(
            (sum, { revocations, msg }) => sum + (msg.endsWith('put back') ? Number(revocations) : 0),
            0,
          ),
          log,
        };
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }

  /** Keys that some gateway admits. */
  async function countPassing(keys: readonly Key[]): Promise<number> {
    let passing = 0;
    await inTurns(keys.length, async (at) => {
      const key = keys[at];
      if (key === undefined) return;
      const answers = await Promise.all([...replicas.keys()].map((replica) => present(replica, key)));
      if (answers.some(({ status }) => status === 200)) passing += 1;
    });
    return passing;
  }
}

export function isCalm({ kind, status }: Pick<DrillObservation, 'kind' | 'status'>): boolean {
  return status === statusWhenCalm(kind) || (kind === 'revoked key' && status === 200);
}

export function statusWhenCalm(kind: DrillKind): 200 | 201 | 401 {
  if (kind === 'new key') return 201;
  return kind === 'revoked key' ? 401 : 200;
}

function cookieOf({ status, cookies }: DrillAnswer): string {
  const cookie = cookies.find((text) => text.startsWith('__Host-gatehouse='));
  if (cookie === undefined) throw new Error(`a login was answered ${status}`);
  return cookie.split(';', 1)[0] ?? '';
}

async function inTurns(count: number, act: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) {
        const at = next;
        next += 1;
        await act(at);
      }
    }),
  );
}

function drillConfig(place: {
  readonly redis: ConfigObject;
  readonly origin: string;
  readonly maxLag: number;
  readonly encryptionKey: string;
  readonly host: string;
}): ConfigObject {
  const { redis, origin, maxLag, encryptionKey, host } = place;
  return {
    listen: { public: `${host}:0`, admin: `${host}:0`, ops: `${host}:0` },
    publicUrl: 'https://gw.test',
    store: { redis, maxLag: `${maxLag}ms` },
    encryptionKeys: [{ id: 'e1', key: encryptionKey }],
    admin: { tokens: [{ name: 'drill', token: ADMIN_TOKEN, role: 'admin' }] },
    logging: { level: 'info', requests: 'none' },
    audit: { requests: 'denied' },
    limits: { failedCredentials: '1000000/min' },
    tenantHosts: ['{tenant}.gw.test'],
    tenants: { acme: {} },
    clients: {
      batch: {
        secretDigest: `sha256:${hash('sha256', SECRET)}`,
        grants: ['client_credentials'],
        tenants: ['acme'],
      },
      'web-app': {
        public: true,
        tenants: 'any',
        login: 'legacy',
        browserSession: true,
        origins: ['https://app.example.com'],
      },
    },
    login: {
      legacy: {
        upstream: 'api',
        tenant: ['host'],
        request: { path: '/api/login', json: { user: '{username}', password: '{password}' } },
        success: { status: 200, present: '/user/id' },
        user: { id: '/user/id', name: '/user/name', roles: '/user/roles' },
        keep: { cookies: ['auth'] },
      },
    },
    sessions: { perUser: 10_000, failedLogins: { perUser: '1000/s', perPeer: '1000/s' } },
    upstreams: { api: { targets: [origin], identity: { fields: { 'X-Tenant-Id': '{tenant.id}' } } } },
    routes: [
      { id: 'open', match: { path: '/open' }, public: true, upstream: 'api' },
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey', 'bearer', 'session'], upstream: 'api' },
    ],
  };
}
