import { type RunningRedis, type RunningSentinel, startRedis, startSentinel, until } from './redis.ts';

/** One primary with two replicas, and three sentinels of which two have to agree. */
export interface SentinelGroup {
  /** The primary is the first. */
  readonly servers: readonly RunningRedis[];
  readonly sentinels: readonly RunningSentinel[];
  /** As a gateway is configured for it. */
  readonly redis: { readonly sentinels: { readonly name: string; readonly nodes: readonly string[] } };
  /** The server that the sentinels name. */
  primary(): Promise<RunningRedis>;
  stop(): Promise<void>;
}

const SENTINELS = 3;
const QUORUM = 2;
const REPLICAS = 2;

/** `downAfter`: milliseconds of silence after which a sentinel takes the primary for dead. */
export async function startSentinelGroup(options: {
  readonly downAfter: number;
  readonly redisArgs?: readonly string[];
}): Promise<SentinelGroup> {
  const { downAfter, redisArgs = [] } = options;
  const args = [
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--repl-diskless-sync-delay',
    '0',
    ...redisArgs,
  ];
  const first = await startRedis(args);
  const servers = [first];
  const sentinels: RunningSentinel[] = [];

  async function stop(): Promise<void> {
    await Promise.all([...sentinels, ...servers].map((running) => running.stop()));
  }

  async function primary(): Promise<RunningRedis> {
    const answer = await sentinels[0]?.admin.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'gatehouse');
    const port = Array.isArray(answer) ? String(answer[1]) : undefined;
    const named = servers.find((server) => String(server.port) === port);
    if (named === undefined) throw new Error(`no server has port ${port}`);
    return named;
  }

  try {
    for (let count = 0; count < REPLICAS; count += 1) {
      servers.push(await startRedis([...args, '--replicaof', '127.0.0.1', String(first.port)]));
    }
    await until('the replicas are in step', async () =>
      (await first.admin.info('replication')).includes(`connected_slaves:${REPLICAS}`),
    );
    for (let count = 0; count < SENTINELS; count += 1)
      sentinels.push(await startSentinel(first, { quorum: QUORUM, downAfter }));
    await until(
      'the sentinels know all',
      async () => {
        const known = await Promise.all(sentinels.map(knowsAll));
        return !known.includes(false);
      },
      20_000,
    );
    return {
      servers,
      sentinels,
      redis: { sentinels: { name: 'gatehouse', nodes: sentinels.map(({ port }) => `127.0.0.1:${port}`) } },
      primary,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function knowsAll({ admin }: RunningSentinel): Promise<boolean> {
  const others = (await admin.call('SENTINEL', 'SENTINELS', 'gatehouse')) as string[][];
  const replicas = (await admin.call('SENTINEL', 'REPLICAS', 'gatehouse')) as string[][];
  return others.length === SENTINELS - 1 && replicas.length === REPLICAS && replicas.every(isReady);
}

function isReady(replica: readonly string[]): boolean {
  return replica[replica.indexOf('master-link-status') + 1] === 'ok';
}
