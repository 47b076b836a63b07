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

/** A sentinel that watches one primary under the name `gatehouse`; without a quorum it alone decides, after 500 ms. */
export async function startSentinel(
  primary: Pick<RunningRedis, 'port'>,
  { quorum = 1, downAfter = 500 }: { readonly quorum?: number; readonly downAfter?: number } = {},
): Promise<RunningSentinel> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-sentinel-'));
  const port = await findFreePort();
  const file = path.join(folder, 'sentinel.conf');
  writeFileSync(
    file,
    `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor gatehouse 127.0.0.1 ${primary.port} ${quorum}
sentinel down-after-milliseconds gatehouse ${downAfter}
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

/**
 * Three primaries that share the slots evenly and keep what they acknowledge, ready to serve; then, if wanted, a replica
 * of each, in the same order.
 */
export async function startRedisCluster({
  hasReplicas = false,
  redisArgs = [],
}: {
  readonly hasReplicas?: boolean;
  readonly redisArgs?: readonly string[];
} = {}): Promise<readonly RunningRedis[]> {
  const args = [
    '--cluster-enabled',
    'yes',
    '--cluster-node-timeout',
    '2000',
    '--appendonly',
    'yes',
    ...redisArgs,
  ];
  const primaries = await Promise.all([startRedis(args), startRedis(args), startRedis(args)]);
  const replicas = hasReplicas ? await Promise.all(primaries.map(() => startRedis(args))) : [];
  const nodes = [...primaries, ...replicas];
  const [first] = primaries;
  const share = Math.ceil(16_384 / primaries.length);
  for (const [at, node] of nodes.entries()) {
    const last = Math.min(16_383, (at + 1) * share - 1);
    if (at < primaries.length) await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', at * share, last);
    await node.admin.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1);
    if (node !== first) await node.admin.call('CLUSTER', 'MEET', '127.0.0.1', first.port);
  }
  const isReady = async (node: RunningRedis) => {
    const info = String(await node.admin.call('CLUSTER', 'INFO'));
    return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
  };
  for (const node of primaries) await until('the cluster is ready', () => isReady(node));
  for (const [at, replica] of replicas.entries()) {
    await until('the replica knows all', async () =>
      String(await replica.admin.call('CLUSTER', 'INFO')).includes(`cluster_known_nodes:${nodes.length}`),
    );
    await replica.admin.call(
      'CLUSTER',
      'REPLICATE',
      String(await primaries[at]?.admin.call('CLUSTER', 'MYID')),
    );
  }
  for (const node of replicas)
    await until('the replica is in step', async () =>
      (await node.admin.info('replication')).includes('master_link_status:up'),
    );
  for (const node of nodes) await until('the cluster is ready', () => isReady(node));
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
