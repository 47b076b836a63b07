import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Lab, RunningTarget } from '../measure/lab.ts';
import { freePort } from '../process/ports.ts';
import { GATEHOUSE_ENTRY } from '../targets/gatehouse-build.ts';
import { ISSUER, type KnownKey, TENANT } from './bulk-load.ts';
import type { RedisServer } from './redis-server.ts';

export interface GatewayOnRedis extends RunningTarget {
  readonly adminPort: number;
}

export interface GatewayOptions {
  readonly name: string;
  readonly redis: RedisServer;
  /** Presented in turn by the load. */
  readonly keys: readonly KnownKey[];
  /** Credentials that are remembered. */
  readonly cached: number;
}

export const ADMIN_TOKEN = randomBytes(24).toString('hex');
/** Shared by all replicas on one store. */
const ENCRYPTION_KEY = randomBytes(32).toString('hex');
/** Of an issuer whose tokens nobody presents: it is there because tokens of it are revoked. */
const ISSUER_KEY = {
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid: 'k1',
  alg: 'ES256',
};
/** A million revocations have to be read first, perhaps on a busy machine. */
const READY_WITHIN_MS = 120_000;

/** Starts Gatehouse as it is shipped, and returns at its first 200. */
export async function startGateway(lab: Lab, options: GatewayOptions): Promise<GatewayOnRedis> {
  const { name, redis, keys, cached } = options;
  const adminPort = await freePort();
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
        encryptionKeys: [{ id: 'bench', key: ENCRYPTION_KEY }],
        admin: { tokens: [{ name: 'bench', token: ADMIN_TOKEN, role: 'operator' }] },
        apiKeys: { cache: { entries: cached } },
        tenants: { [TENANT]: { issuers: [ISSUER] } },
        issuers: {
          [ISSUER]: {
            issuer: 'https://login.acme.example',
            audience: 'https://api.example.com',
            keys: { jwksFile: 'keys.json' },
            tenant: { fixed: TENANT },
          },
        },
        upstreams: {
          api: {
            targets: [`http://127.0.0.1:${upstreamPort}`],
            identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{subject}' } },
          },
        },
        routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['apiKey', 'bearer'], upstream: 'api' }],
      };
      await writeFile(path.join(folder, 'keys.json'), JSON.stringify({ keys: [ISSUER_KEY] }));
      await writeFile(file, stringify(config));
      const requests = keys.map(({ key }) => ({ 'X-Api-Key': key }));
      return { command: process.execPath, args: [GATEHOUSE_ENTRY, 'serve', '--config', file], requests };
    },
  });
  return { ...running, adminPort };
}
