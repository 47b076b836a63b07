import { setTimeout as sleep } from 'node:timers/promises';
import type { Window } from '../load/orders.ts';
import type { Lab } from '../measure/lab.ts';
import { median, percentile } from '../measure/percentile.ts';
import { processTree, residentBytes } from '../measure/processes.ts';
import { alignColumns } from '../report/table.ts';
import { loadKnownKeys, loadKnownSessions, loadMany, loadManySessions } from './bulk-load.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';
import {
  type GatewayOnRedis,
  type GatewayOptions,
  presentingKeys,
  presentingSessions,
  startGateway,
} from './gateway-on-redis.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';

/** What there are many of. */
interface Population {
  readonly name: string;
  readonly about: string;
  /** As in “keys and revocations”. */
  readonly records: string;
  /** Loads some that can be presented, and says how. */
  known(
    redis: RedisServer,
    count: number,
  ): Promise<Pick<GatewayOptions, 'requests' | 'config' | 'accept' | 'upstream' | 'files'>>;
  /** Loads those that nobody presents. */
  many(redis: RedisServer, count: number): Promise<void>;
}

/** Fewer than there are credentials in turn, so that each of those is asked of the store. */
const CACHED = 100;
const UNCACHED = 300;
const ROUNDS = 8;
const SLICE_MS = 1000;
const WARM_UP_MS = 150;
const FIRST_WARM_UP_MS = 2000;
const WINDOW_MS = 50;
const CONNECTIONS = 32;
const IDLE_BEFORE_MEMORY_MS = 2000;

const KINDS = ['cached', 'uncached'] as const;
type Kind = (typeof KINDS)[number];

interface Subject {
  readonly records: number;
  readonly redis: RedisServer;
  readonly redisBytes: number;
  /** Each of the many. */
  readonly bytesPerRecord: number | undefined;
  readonly gateway: GatewayOnRedis;
  readonly idleBytes: number;
  readonly windows: Readonly<Record<Kind, Window[]>>;
}

async function prepare(
  lab: Lab,
  population: Population,
  records: number,
  progress: (line: string) => void,
): Promise<Subject> {
  const redis = await startRedisServer(lab);
  progress(`loading ${records} ${population.records}`);
  const known = await population.known(redis, UNCACHED);
  const before = await redis.usedMemory();
  await population.many(redis, records);
  const redisBytes = await redis.usedMemory();
  progress('starting a gateway on them');
  const gateway = await startGateway(lab, { name: `${records} records`, redis, cached: CACHED, ...known });
  await sleep(IDLE_BEFORE_MEMORY_MS);
  const idleBytes = residentBytes(gateway.process.pid);
  const bytesPerRecord = records === 0 ? undefined : (redisBytes - before) / records;
  return {
    records,
    redis,
    redisBytes,
    bytesPerRecord,
    gateway,
    idleBytes,
    windows: { cached: [], uncached: [] },
  };
}

async function measure(
  lab: Lab,
  population: Population,
  plan: ExperimentPlan,
  progress: (line: string) => void,
): Promise<Findings> {
  const subjects = [
    await prepare(lab, population, 0, progress),
    await prepare(lab, population, plan.count, progress),
  ];
  const slice = ({ gateway }: Subject, kind: Kind, warmUpMs: number): Promise<readonly Window[]> =>
    lab.load.run({
      kind: 'closedLoop',
      port: gateway.port,
      requests: kind === 'cached' ? gateway.requests.slice(0, 1) : gateway.requests,
      connections: CONNECTIONS,
      warmUpMs,
      durationMs: SLICE_MS,
      pids: processTree(gateway.process.pid),
      windowMs: WINDOW_MS,
    });
  progress('warm-up');
  for (const subject of subjects) for (const kind of KINDS) await slice(subject, kind, FIRST_WARM_UP_MS);
  for (let round = 0; round < ROUNDS; round += 1) {
    progress(`round ${round + 1} of ${ROUNDS}`);
    // Who begins changes, so that all see the same weather.
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      for (const kind of KINDS) subject.windows[kind].push(...(await slice(subject, kind, WARM_UP_MS)));
    }
  }
  const figures = subjects.map(figuresOf);
  for (const { redis, gateway } of subjects) {
    redis.client.disconnect();
    await gateway.process.stop();
  }
  return { figures: { runs: figures }, text: reportText(population.records, figures) };
}

function figuresOf({ records, redisBytes, bytesPerRecord, gateway, idleBytes, windows }: Subject) {
  return {
    records,
    redisBytesPerRecord: bytesPerRecord ?? null,
    startUpMs: gateway.startUpMs,
    idleResidentBytes: idleBytes,
    residentBytes: residentBytes(gateway.process.pid),
    redisBytes,
    cpuMicroseconds: { cached: costOf(windows.cached), uncached: costOf(windows.uncached) },
  };
}

function costOf(windows: readonly Window[]) {
  const costs = windows
    .filter((window) => window.responses > 0)
    .map((window) => window.cpuMicroseconds / window.responses);
  return { p10: percentile(costs, 0.1) ?? 0, median: median(costs) ?? 0, windows: costs.length };
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(0);
}

function reportText(records: string, figures: readonly ReturnType<typeof figuresOf>[]): string {
  return [
    alignColumns([
      ['', 'start', 'RSS MB', '', 'Redis', 'bytes', 'CPU µs, cached', '', 'CPU µs, uncached', ''],
      [records, 'ms', 'idle', 'under load', 'MB', 'each', 'p10', 'median', 'p10', 'median'],
      ...figures.map((run) => [
        String(run.records),
        run.startUpMs.toFixed(0),
        megabytes(run.idleResidentBytes),
        megabytes(run.residentBytes),
        megabytes(run.redisBytes),
        run.redisBytesPerRecord?.toFixed(0) ?? '',
        ...KINDS.flatMap((kind) => [
          run.cpuMicroseconds[kind].p10.toFixed(1),
          run.cpuMicroseconds[kind].median.toFixed(1),
        ]),
      ]),
    ]),
    '',
    `CPU of the gateway per request; uncached: each of ${UNCACHED} credentials in turn is asked of Redis. The two take turns.`,
  ].join('\n');
}

function scaleOf(population: Population): Experiment {
  return {
    name: population.name,
    about: population.about,
    counted: population.records,
    defaults: { count: 1_000_000 },
    run: (lab, plan, progress) => measure(lab, population, plan, progress),
  };
}

export const scaleExperiment = scaleOf({
  name: 'scale',
  about: 'start, memory and cost of a request with many keys and revocations in Redis, against none',
  records: 'keys, and revocations',
  known: async (redis, count) => presentingKeys(await loadKnownKeys(redis, count)),
  many: loadMany,
});

export const sessionScaleExperiment = scaleOf({
  name: 'session-scale',
  about: 'the same with many sessions of users in Redis',
  records: 'sessions',
  known: async (redis, count) => presentingSessions(await loadKnownSessions(redis, count)),
  many: loadManySessions,
});
