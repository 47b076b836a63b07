import { Redis } from 'ioredis';
import { findProgram } from '../../scripts/packages.ts';
import { Secret } from '../../src/base/secret.ts';
import type { RedisSettings } from '../../src/stores/redis/settings.ts';
import type { Lab } from '../measure/lab.ts';
import { freePort } from '../process/ports.ts';

export interface RedisServer {
  readonly url: string;
  readonly settings: RedisSettings;
  /** Connected, for what is measured and loaded behind the gateways' back. */
  readonly client: Redis;
  /** Bytes of data, as the server counts them. */
  usedMemory(): Promise<number>;
}

/** A server without any file, so that a disk has no part in the figures. Throws when it is not installed. */
export async function startRedisServer(lab: Lab): Promise<RedisServer> {
  const command = findProgram('redis-server');
  if (command === undefined) throw new Error('redis-server is not installed');
  const port = await freePort();
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  lab.start({ command, args, core: lab.cores.load });
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 20, maxRetriesPerRequest: null });
  // Until it listens.
  client.on('error', () => {});
  await client.ping();
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    client,
    settings: {
      server: { kind: 'standalone', url: new Secret(url) },
      keyPrefix: 'gatehouse:',
      commandTimeout: 1000,
    },
    async usedMemory() {
      return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]);
    },
  };
}
