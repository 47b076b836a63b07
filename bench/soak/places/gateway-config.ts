import { stringify } from 'yaml';
import { TENANT } from '../../experiments/bulk-load.ts';
import { BENCH_KEY, USERS_CONFIG } from '../../targets/user-session.ts';

export interface GatewayPlace {
  readonly adminToken: string;
  readonly redisUrl: string;
  /** Of `bench/upstream/main.ts`, which answers the steady load, and of the one that can fail. */
  readonly upstreamPorts: { readonly steady: number; readonly moody: number };
  readonly workers: number;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Seconds: short, so that many slow clients and stalls fit into a soak. */
const PATIENCE = { head: 2, body: 2, read: 2, upstreamIdle: 2, upstreamHead: 1 } as const;

/** Few, so that caches are full before anything is judged. */
const REMEMBERED = 500;

/** The configuration of this generation: each has other identity fields and another route. */
export function configText(place: GatewayPlace, generation: number): string {
  const { upstreamPorts } = place;
  const moody = [`http://127.0.0.1:${upstreamPorts.moody}`];
  const address = '127.0.0.1:0';
  const fields = { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}', 'X-Generation': `g${generation}` };
  return stringify({
    listen: {
      public: place.tls === undefined ? address : { address, tls: place.tls },
      admin: address,
      ops: address,
    },
    publicUrl: 'https://api.example.com',
    store: { redis: { url: place.redisUrl } },
    encryptionKeys: [BENCH_KEY.setting],
    admin: { tokens: [{ name: 'soak', token: place.adminToken, role: 'operator' }] },
    audit: { keep: 10_000 },
    apiKeys: { cache: { entries: REMEMBERED } },
    workers: place.workers,
    limits: {
      // Revoked keys are presented all the time, from one address.
      failedCredentials: '100000/s',
      headerTimeout: `${PATIENCE.head}s`,
      bodyIdle: `${PATIENCE.body}s`,
      readIdle: `${PATIENCE.read}s`,
    },
    tenants: { [TENANT]: {} },
    clients: USERS_CONFIG.clients,
    login: { legacy: { ...USERS_CONFIG.login.legacy, upstream: 'moody' } },
    upstreams: {
      api: { targets: [`http://127.0.0.1:${upstreamPorts.steady}`], identity: { fields, assertion: {} } },
      moody: {
        targets: moody,
        identity: { fields, assertion: {} },
        timeouts: { idle: `${PATIENCE.upstreamIdle}s` },
        credentials: { cookies: 'fromLogin' },
      },
      faulty: {
        targets: moody,
        identity: { fields },
        timeouts: { headers: `${PATIENCE.upstreamHead}s` },
      },
    },
    routes: [
      { id: 'steady', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api' },
      { id: 'moody', match: { path: '/moody/**' }, accept: ['apiKey', 'session'], upstream: 'moody' },
      { id: 'faults', match: { path: '/faults/**' }, accept: ['apiKey'], upstream: 'faulty' },
      {
        id: 'live',
        match: { path: '/live' },
        accept: ['apiKey'],
        websocket: { origins: [] },
        upstream: 'moody',
      },
      {
        id: `only-${generation % 2}`,
        match: { path: `/generations/${generation}` },
        public: true,
        upstream: 'moody',
      },
    ],
  });
}

/** Not a configuration: a key that nobody knows. */
export function brokenConfigText(place: GatewayPlace, generation: number): string {
  return `${configText(place, generation)}nonsense: true\n`;
}
