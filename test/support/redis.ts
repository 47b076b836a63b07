import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { findProgram } from '../../scripts/packages.ts';
import { Secret } from '../../src/base/secret.ts';
import type { RedisSettings } from '../../src/stores/redis/settings.ts';

const PROGRAM = findProgram('redis-server');

/** Why tests that need a Redis server do not run, for the title of what is skipped; `undefined` when they do. */
export const redisMissing = PROGRAM === undefined ? 'redis-server is not installed' : undefined;

export interface RunningRedis {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** `redis://127.0.0.1:PORT` */
  readonly url: string;
  /** Where its files are. */
  readonly folder: string;
  /** A client of its own, by the unix socket, for what a test does behind the store's back. */
  readonly admin: Redis;
  pause(): void;
  resume(): void;
  /** SIGKILL, and gone when it resolves. */
  kill(): Promise<void>;
  /** Starts it anew on the same port with the files that are there; resolves when it has loaded them. */
  start(extraArgs?: readonly string[]): Promise<void>;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** A real server on a free port, with its files in a temporary folder. `args` as on the command line. */
export async function startRedis(args: readonly string[] = []): Promise<RunningRedis> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-redis-'));
  const socket = path.join(folder, 'redis.sock');
  const port = await findFreePort();
  const isTls = args.includes('--tls-port');
  const portArgs = isTls ? ['--port', '0'] : ['--port', String(port)];
  const all = args.map((arg) => (arg === 'PORT' ? String(port) : arg));
  const base = ['--bind', '127.0.0.1', '--dir', folder, '--unixsocket', socket, '--save', ''];
  let child: ChildProcess | undefined;
  let admin: Redis | undefined;

  async function start(extraArgs: readonly string[] = []): Promise<void> {
    child = spawn(PROGRAM ?? '', [...base, ...portArgs, ...all, ...extraArgs], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let log = '';
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4000);
      if (log.includes('Ready to accept connections')) resolve();
    });
    child.once('exit', () => reject(new Error(`redis-server ended:\n${log}`)));
    await promise;
  }

  async function kill(): Promise<void> {
    const running = child;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill('SIGKILL');
    await exited;
  }

  await start();
  admin = new Redis({ path: socket, retryStrategy: () => 50 });
  admin.on('error', () => undefined);
  await admin.ping();
  return {
    host: '127.0.0.1',
    port,
    url: `redis://127.0.0.1:${port}`,
    folder,
    admin,
    pause: () => child?.kill('SIGSTOP'),
    resume: () => child?.kill('SIGCONT'),
    kill,
    start,
    async stop() {
      admin.disconnect();
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface RunningSentinel {
  readonly port: number;
  readonly admin: Redis;
  stop(): Promise<void>;
}

/** A sentinel that watches one primary under the name `gatehouse`, and alone decides about a failover, after 500 ms. */
export async function startSentinel(primary: Pick<RunningRedis, 'port'>): Promise<RunningSentinel> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-sentinel-'));
  const port = await findFreePort();
  const file = path.join(folder, 'sentinel.conf');
  writeFileSync(
    file,
    `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor gatehouse 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds gatehouse 500
sentinel failover-timeout gatehouse 5000
`,
  );
  const child = spawn(PROGRAM ?? '', [file, '--sentinel'], { stdio: ['ignore', 'ignore', 'inherit'] });
  const admin = new Redis({ host: '127.0.0.1', port, retryStrategy: () => 50 });
  admin.on('error', () => undefined);
  await admin.ping();
  return {
    port,
    admin,
    async stop() {
      admin.disconnect();
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Three nodes without replicas that share the slots evenly and keep what they acknowledge, ready to serve. */
export async function startRedisCluster(): Promise<readonly RunningRedis[]> {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--appendonly', 'yes'];
  const nodes = await Promise.all([startRedis(args), startRedis(args), startRedis(args)]);
  const [first] = nodes;
  const share = Math.ceil(16_384 / nodes.length);
  for (const [at, node] of nodes.entries()) {
    const last = Math.min(16_383, (at + 1) * share - 1);
    await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', at * share, last);
    await node.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
    if (node !== first) await node.admin.call('CLUSTER', 'MEET', '127.0.0.1', first.port);
  }
  for (const node of nodes) {
    await until('the cluster is ready', async () => {
      const info = String(await node.admin.call('CLUSTER', 'INFO'));
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
    });
  }
  return nodes;
}

/** Settings for a standalone server; 1 s for an answer. */
export function redisSettings(
  { url }: Pick<RunningRedis, 'url'>,
  members: Partial<RedisSettings> = {},
): RedisSettings {
  return {
    server: { kind: 'standalone', url: new Secret(url) },
    keyPrefix: 'gatehouse:',
    commandTimeout: 1000,
    ...members,
  };
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  server.close();
  await once(server, 'close');
  return address.port;
}

/** Resolves when `condition` holds, asked every 10 ms; throws with `what` after `milliseconds`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 10_000,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`It did not come true in ${milliseconds} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
