import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { findProgram } from '../../../scripts/packages.ts';
import type { Lab } from '../../measure/lab.ts';
import { freePort } from '../../process/ports.ts';
import type { ManagedProcess } from '../../process/supervisor.ts';

/** A server that keeps what it acknowledged, so that it can be killed. */
export interface DurableRedis {
  readonly url: string;
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>;
  /** Again on the same port, with the append-only file that is there; resolves when it has loaded it. */
  start(): Promise<void>;
  /** Removes its files. The process ends with the lab. */
  clean(): Promise<void>;
}

export async function startDurableRedis(lab: Lab): Promise<DurableRedis> {
  const command = findProgram('redis-server') ?? '';
  if (command === '') throw new Error('redis-server is not installed');
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-soak-redis-'));
  const port = await freePort();
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder];
  const args = [...place, '--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'];
  let running: ManagedProcess | undefined;

  async function start(): Promise<void> {
    running = lab.start({ command, args, core: lab.cores.load });
    const client = new Redis({
      host: '127.0.0.1',
      port,
      retryStrategy: () => 20,
      maxRetriesPerRequest: null,
    });
    // Until it listens.
    client.on('error', () => {});
    // Answered with LOADING until the file is read, which the client waits for.
    await client.ping();
    client.disconnect();
  }

  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    async kill() {
      running?.child.kill('SIGKILL');
      await running?.stop();
    },
    clean: () => rm(folder, { recursive: true, force: true }),
  };
}
