import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { FieldChanges } from '../load/request.ts';
import type { Lab, RunningTarget } from '../measure/lab.ts';
import { freePort } from '../process/ports.ts';
import { GATEHOUSE_ENTRY } from '../targets/gatehouse-build.ts';
import { BENCH_KEY, SESSION_COOKIE, USERS_CONFIG } from '../targets/user-session.ts';
import { ISSUER, type KnownKey, TENANT } from './bulk-load.ts';
import type { RedisServer } from './redis-server.ts';

export interface GatewayOnRedis extends RunningTarget {
  readonly adminPort: number;
  readonly configFile: string;
}

export interface GatewayOptions {
  readonly name: string;
  readonly redis: RedisServer;
  /** What the load presents, in turn. */
  readonly requests: readonly FieldChanges[];
  /** Credentials that are remembered. */
  readonly cached: number;
  /** Members of the configuration that make these credentials good. */
  readonly config: ConfigPart;
  /** Further members of the upstream. */
  readonly upstream?: ConfigPart;
  /** Further upstreams. */
  readonly upstreams?: ConfigPart;
  readonly accept: readonly string[];
  /** Besides the one that all requests of the benchmark are for. */
  readonly routes?: readonly ConfigPart[];
  /** By name, in the folder of the configuration. */
  readonly files?: Readonly<Record<string, string>>;
}

export type ConfigPart = Readonly<Record<string, unknown>>;

/** API keys, and an issuer whose tokens nobody presents: it is there because tokens of it are revoked. */
export function presentingKeys(
  keys: readonly KnownKey[],
): Pick<GatewayOptions, 'requests' | 'config' | 'accept' | 'files'> {
  return {
    requests: keys.map(({ key }) => ({ 'X-Api-Key': key })),
    accept: ['apiKey', 'bearer'],
    files: { 'keys.json': JSON.stringify({ keys: [ISSUER_KEY] }) },
    config: {
      tenants: { [TENANT]: { issuers: [ISSUER] } },
      issuers: {
        [ISSUER]: {
          issuer: 'https://login.acme.example',
          audience: 'https://api.example.com',
          keys: { jwksFile: 'keys.json' },
          tenant: { fixed: TENANT },
        },
      },
    },
  };
}

/** Cookies of sessions whose login kept two cookies of the upstream. */
export function presentingSessions(
  cookies: readonly string[],
): Pick<GatewayOptions, 'requests' | 'config' | 'accept' | 'upstream'> {
  return {
    requests: cookies.map((cookie) => ({ 'X-Api-Key': null, Cookie: `${SESSION_COOKIE}=${cookie}` })),
    accept: ['session'],
    upstream: { credentials: { cookies: 'fromLogin' } },
    config: { ...USERS_CONFIG, tenants: { [TENANT]: {} } },
  };
}

export const ADMIN_TOKEN = randomBytes(24).toString('hex');
const ISSUER_KEY = {
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid: 'k1',
  alg: 'ES256',
};
/** A million revocations have to be read first, perhaps on a busy machine. */
const READY_WITHIN_MS = 120_000;

/** Starts Gatehouse as it is shipped, and returns at its first 200. */
export async function startGateway(lab: Lab, options: GatewayOptions): Promise<GatewayOnRedis> {
  const { name, redis, requests, cached } = options;
  const adminPort = await freePort();
  let configFile = '';
  const running = await lab.launch({
    name,
    about: 'Gatehouse on Redis',
    isNode: true,
    readyWithinMs: READY_WITHIN_MS,
    async prepare({ port, upstreamPort, folder }) {
      const file = path.join(folder, 'gatehouse.yaml');
      const config = {
        listen: { public: `127.0.0.1:${port}`, admin: `127.0.0.1:${adminPort}`, ops: '127.0.0.1:0' },
        publicUrl: 'https://api.example.com',
        store: { redis: { url: redis.url } },
        encryptionKeys: [BENCH_KEY.setting],
        admin: { tokens: [{ name: 'bench', token: ADMIN_TOKEN, role: 'operator' }] },
        apiKeys: { cache: { entries: cached } },
        ...options.config,
        upstreams: {
          ...options.upstreams,
          api: {
            targets: [`http://127.0.0.1:${upstreamPort}`],
            identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}' } },
            ...options.upstream,
          },
        },
        routes: [
          { id: 'api', match: { path: '/api/**' }, accept: options.accept, upstream: 'api' },
          ...(options.routes ?? []),
        ],
      };
      for (const [fileName, text] of Object.entries(options.files ?? {}))
        await writeFile(path.join(folder, fileName), text);
      await writeFile(file, stringify(config));
      configFile = file;
      return { command: process.execPath, args: [GATEHOUSE_ENTRY, 'serve', '--config', file], requests };
    },
  });
  return { ...running, adminPort, configFile };
}
