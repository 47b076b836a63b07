import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadClient } from '../load/client.ts';
import type { Window } from '../load/orders.ts';
import type { Lab } from '../measure/lab.ts';
import { median, percentile } from '../measure/percentile.ts';
import { processTree } from '../measure/processes.ts';
import { openCpuMeter } from '../measure/schedstat.ts';
import { alignColumns } from '../report/table.ts';
import { type KnownKey, loadKnownKeys } from './bulk-load.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';
import { type GatewayOnRedis, presentingKeys, startGateway } from './gateway-on-redis.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';
import { type Delay, revokeAndWatch } from './revoking.ts';

const MOST_REPLICAS = 4;
/** Fewer than there are keys in turn, so that each of those is asked of Redis. */
const CACHED = 100;
const IN_TURN = 300;
/** Of all replicas together. */
const CONNECTIONS = 64;
const WARM_UP_MS = 1000;
const LOAD_MS = 4000;
const WINDOW_MS = 50;
const IDLE_MS = 3000;
/** Of each replica, while credentials are revoked. */
const RATE_PER_SECOND = 300;
const RATE_SLICE_MS = 1000;

/** Replicas that share a core keep each other waiting, which would be overload where each has its own. */
const PATIENT = { limits: { queueDelay: '10s' } };

interface Replica {
  readonly gateway: GatewayOnRedis;
  readonly load: LoadClient;
}

/** What Redis did for it, each second. */
interface RedisLoad {
  readonly cpuMs: number;
  readonly commands: number;
  readonly bytesOut: number;
}

async function measure(lab: Lab, plan: ExperimentPlan, progress: (line: string) => void): Promise<Findings> {
  const redis = await startRedisServer(lab);
  const keys = await loadKnownKeys(redis, IN_TURN + MOST_REPLICAS * plan.count);
  const presented = presentingKeys(keys.slice(0, IN_TURN));
  const presenting = { ...presented, config: { ...presented.config, ...PATIENT } };
  const replicas: Replica[] = [];
  const runs: Awaited<ReturnType<typeof measureSome>>[] = [];
  for (let count = 1; count <= MOST_REPLICAS; count += 1) {
    progress(`starting replica ${count}`);
    const gateway = await startGateway(lab, {
      ...presenting,
      name: `replica ${count}`,
      redis,
      cached: CACHED,
    });
    replicas.push({ gateway, load: count === 1 ? lab.load : lab.startLoad() });
    const first = IN_TURN + (count - 1) * plan.count;
    progress(`measuring ${count}`);
    runs.push(await measureSome(redis, replicas, keys.slice(first, first + plan.count)));
  }
  redis.client.disconnect();
  return { figures: { runs }, text: reportText(plan.count, runs) };
}

async function measureSome(redis: RedisServer, replicas: readonly Replica[], revoked: readonly KnownKey[]) {
  const idle = await workOf(redis, () => sleep(IDLE_MS));
  const remembered = await underLoad(redis, replicas, 'remembered');
  const asked = await underLoad(redis, replicas, 'asked');
  const before = await redis.work();
  const delays = await underChanges(replicas, revoked);
  const after = await redis.work();
  const refusedMs = delays.map((delay) => delay.refusedMs);
  return {
    replicas: replicas.length,
    idle: idle.redis,
    remembered,
    asked,
    revocation: {
      count: revoked.length,
      p50Ms: percentile(refusedMs, 0.5) ?? 0,
      p99Ms: percentile(refusedMs, 0.99) ?? 0,
      admittedAfter: delays.reduce((sum, { admittedAfter }) => sum + admittedAfter, 0),
      redisBytesOutEach: (after.bytesOut - before.bytesOut) / revoked.length,
    },
  };
}

/** All replicas at once, as fast as they can. */
async function underLoad(redis: RedisServer, replicas: readonly Replica[], kind: 'remembered' | 'asked') {
  const run = ({ gateway, load }: Replica): Promise<readonly Window[]> =>
    load.run({
      kind: 'closedLoop',
      port: gateway.port,
      requests: kind === 'remembered' ? gateway.requests.slice(0, 1) : gateway.requests,
      connections: Math.max(1, Math.floor(CONNECTIONS / replicas.length)),
      warmUpMs: WARM_UP_MS,
      durationMs: LOAD_MS,
      pids: processTree(gateway.process.pid),
      windowMs: WINDOW_MS,
    });
  const { redis: redisLoad, outcome } = await workOf(redis, () => Promise.all(replicas.map(run)));
  const windows = outcome.flat().filter(({ responses }) => responses > 0);
  const costs = windows.map(({ cpuMicroseconds, responses }) => cpuMicroseconds / responses);
  const perSecond = outcome
    .map(
      (ofOne) =>
        median(ofOne.map(({ responses, startMs, endMs }) => (responses * 1000) / (endMs - startMs))) ?? 0,
    )
    .reduce((sum, rate) => sum + rate, 0);
  return {
    requestsPerSecond: perSecond,
    cpuMicroseconds: { p10: percentile(costs, 0.1) ?? 0, median: median(costs) ?? 0 },
    redis: redisLoad,
    redisCpuMicroseconds: (redisLoad.cpuMs * 1000) / perSecond,
  };
}

/** The last replica of many, or the only one, is asked as well as the others. */
async function underChanges(
  replicas: readonly Replica[],
  revoked: readonly KnownKey[],
): Promise<readonly Delay[]> {
  const gateways = replicas.map(({ gateway }) => gateway);
  const [first] = gateways;
  if (first === undefined) throw new Error('no replica');
  const stopping = new AbortController();
  const loads = replicas.map((replica) => keepBusy(replica, stopping.signal));
  const agent = new Agent({ keepAlive: true });
  const delays: Delay[] = [];
  try {
    for (const key of revoked) delays.push(...(await revokeAndWatch(agent, first, gateways, key)));
  } finally {
    stopping.abort();
    agent.destroy();
    await Promise.allSettled(loads);
  }
  return delays;
}

/** A replica that refuses under what else runs on its core has a second of rest. */
async function keepBusy({ gateway, load }: Replica, signal: AbortSignal): Promise<void> {
  const { port } = gateway;
  const requests = gateway.requests.slice(0, 1);
  const order = { port, requests, connections: 8, warmUpMs: 0, durationMs: RATE_SLICE_MS };
  while (!signal.aborted) {
    await load
      .run({ kind: 'fixedRate', ratePerSecond: RATE_PER_SECOND, ...order })
      .catch(() => sleep(RATE_SLICE_MS));
  }
}

async function workOf<Outcome>(redis: RedisServer, work: () => Promise<Outcome>) {
  const meter = openCpuMeter([redis.pid]);
  const [before, cpuBefore, began] = [await redis.work(), meter.read(), performance.now()];
  const outcome = await work();
  const seconds = (performance.now() - began) / 1000;
  const cpuMs = (meter.read() - cpuBefore) / 1_000_000;
  meter.close();
  const after = await redis.work();
  const load: RedisLoad = {
    cpuMs: cpuMs / seconds,
    commands: (after.commands - before.commands) / seconds,
    bytesOut: (after.bytesOut - before.bytesOut) / seconds,
  };
  return { outcome, redis: load };
}

function reportText(count: number, runs: readonly Awaited<ReturnType<typeof measureSome>>[]): string {
  return [
    alignColumns([
      ['', 'remembered keys', '', '', '', 'asked of Redis', '', '', ''],
      [
        'replicas',
        'requests/s',
        'CPU µs p10',
        'median',
        'Redis µs',
        'requests/s',
        'CPU µs p10',
        'median',
        'Redis µs',
      ],
      ...runs.map(({ replicas, remembered, asked }) => [
        String(replicas),
        ...[remembered, asked].flatMap(({ requestsPerSecond, cpuMicroseconds, redisCpuMicroseconds }) => [
          requestsPerSecond.toFixed(0),
          cpuMicroseconds.p10.toFixed(1),
          cpuMicroseconds.median.toFixed(1),
          redisCpuMicroseconds.toFixed(1),
        ]),
      ]),
    ]),
    '',
    alignColumns([
      ['', 'Redis, nobody asks', '', '', `${count} revocations`, '', '', ''],
      ['replicas', 'CPU ms/s', 'commands/s', 'bytes/s', 'p50 ms', 'p99 ms', 'admitted after', 'bytes each'],
      ...runs.map(({ replicas, idle, revocation }) => [
        String(replicas),
        idle.cpuMs.toFixed(2),
        idle.commands.toFixed(1),
        idle.bytesOut.toFixed(0),
        revocation.p50Ms.toFixed(1),
        revocation.p99Ms.toFixed(1),
        String(revocation.admittedAfter),
        revocation.redisBytesOutEach.toFixed(0),
      ]),
    ]),
    '',
    'All replicas share one core, and load, upstream and Redis the other: requests/s in sum cannot grow here. What counts is that the cost of',
    `a request stays, and what each replica adds to Redis. Revocations at ${RATE_PER_SECOND} requests/s of each, from the acknowledgement to each replica's first refusal.`,
  ].join('\n');
}

export const replicasExperiment: Experiment = {
  name: 'replicas',
  about: 'one to four replicas on one Redis: cost of a request, load of Redis, time of a revocation',
  counted: 'revocations at each number of replicas',
  defaults: { count: 200 },
  run: measure,
};
