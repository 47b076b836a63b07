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
  readonly pid: number;
  /** Bytes of data, as the server counts them. */
  usedMemory(): Promise<number>;
  /** What it has done since it started. */
  work(): Promise<RedisWork>;
}

export interface RedisWork {
  readonly commands: number;
  /** Sent to its clients. */
  readonly bytesOut: number;
}

/** A server without any file, so that a disk has no part in the figures. Throws when it is not installed. */
export async function startRedisServer(lab: Lab): Promise<RedisServer> {
  const command = findProgram('redis-server');
  if (command === undefined) throw new Error('redis-server is not installed');
  const port = await freePort();
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'];
  const { pid } = lab.start({ command, args, core: lab.cores.load });
  const client = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 20, maxRetriesPerRequest: null });
  // Until it listens.
  client.on('error', () => {});
  await client.ping();
  const url = `redis://127.0.0.1:${port}`;
  return {
    url,
    client,
    pid,
    settings: {
      server: { kind: 'standalone', url: new Secret(url) },
      keyPrefix: 'gatehouse:',
      commandTimeout: 1000,
    },
    async usedMemory() {
      return figureOf(await client.info('memory'), 'used_memory');
    },
    async work() {
      const info = await client.info('stats');
      return {
        commands: figureOf(info, 'total_commands_processed'),
        bytesOut: figureOf(info, 'total_net_output_bytes'),
      };
    },
  };
}

function figureOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
}
