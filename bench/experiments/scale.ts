import { setTimeout as sleep } from 'node:timers/promises';
import type { Window } from '../load/orders.ts';
import type { Lab } from '../measure/lab.ts';
import { median, percentile } from '../measure/percentile.ts';
import { processTree, residentBytes } from '../measure/processes.ts';
import { openCpuMeter } from '../measure/schedstat.ts';
import { alignColumns } from '../report/table.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';
import { type GatewayOnRedis, startGateway } from './gateway-on-redis.ts';
import type { Change, Population } from './populations/population.ts';
import { type RedisServer, startRedisServer } from './redis-server.ts';
import { watchStalls } from './stalls.ts';

/** Fewer than there are requests in turn: where each has another credential, each is asked of the store. */
const CACHED = 100;
const IN_TURN = 300;
const ROUNDS = 8;
const SLICE_MS = 1000;
const WARM_UP_MS = 150;
const FIRST_WARM_UP_MS = 2000;
const WINDOW_MS = 50;
const CONNECTIONS = 32;
const IDLE_BEFORE_MEMORY_MS = 2000;

const KINDS = ['first', 'second'] as const;
type Kind = (typeof KINDS)[number];

interface Subject {
  readonly records: number;
  /** By kind of request. */
  readonly requests: Readonly<Record<Kind, readonly string[]>>;
  readonly redis: RedisServer;
  readonly redisBytes: number;
  /** Of Redis, each of the many. */
  readonly bytesPerRecord: number | undefined;
  readonly gateway: GatewayOnRedis;
  readonly idleBytes: number;
  readonly windows: Readonly<Record<Kind, Window[]>>;
  changed?: Changed;
}

interface Changed {
  readonly cpuMs: number;
  /** The longest that a request waited meanwhile. */
  readonly stallMs: number;
  readonly refused: number;
}

async function prepare(
  lab: Lab,
  population: Population,
  records: number,
  progress: (line: string) => void,
): Promise<Subject> {
  const redis = await startRedisServer(lab);
  progress(`loading ${records} ${population.records}`);
  const known = await population.known(redis, IN_TURN, records);
  const before = await redis.usedMemory();
  await population.load(redis, records);
  const redisBytes = await redis.usedMemory();
  progress('starting a gateway on them');
  const gateway = await startGateway(lab, { name: `${records} records`, redis, cached: CACHED, ...known });
  await sleep(IDLE_BEFORE_MEMORY_MS);
  const idleBytes = residentBytes(gateway.process.pid);
  const bytesPerRecord = records <= population.least ? undefined : (redisBytes - before) / records;
  const [one, others] = population.requests(gateway, records, IN_TURN);
  return {
    records,
    requests: { first: [one], second: others },
    redis,
    redisBytes,
    bytesPerRecord,
    gateway,
    idleBytes,
    windows: { first: [], second: [] },
  };
}

async function measure(
  lab: Lab,
  population: Population,
  plan: ExperimentPlan,
  progress: (line: string) => void,
): Promise<Findings> {
  const subjects = [
    await prepare(lab, population, population.least, progress),
    await prepare(lab, population, plan.count, progress),
  ];
  const slice = ({ gateway, requests }: Subject, kind: Kind, warmUpMs: number): Promise<readonly Window[]> =>
    lab.load.run({
      kind: 'closedLoop',
      port: gateway.port,
      requests: requests[kind],
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
  const { change } = population;
  if (change !== undefined) {
    progress(change.about);
    for (const subject of subjects) subject.changed = await measureChange(subject, change);
  }
  const [small, large] = subjects.map(figuresOf);
  for (const { redis, gateway } of subjects) {
    redis.client.disconnect();
    await gateway.process.stop();
  }
  if (small === undefined || large === undefined) throw new Error('nothing was measured');
  const bytesEach = (large.idleResidentBytes - small.idleResidentBytes) / (large.records - small.records);
  const figures = { runs: [small, large], gatewayBytesPerRecord: bytesEach };
  return { figures, text: reportText(population, [small, large], bytesEach) };
}

async function measureChange({ gateway, requests }: Subject, change: Change): Promise<Changed> {
  const meter = openCpuMeter(processTree(gateway.process.pid));
  const before = meter.read();
  const watch = watchStalls(gateway.port, requests.first[0] ?? '');
  for (let turn = 0; turn < change.times; turn += 1) await change.make(gateway, turn);
  await sleep(change.settlesMs);
  const { longestMs, refused } = await watch.stop();
  const cpuMs = (meter.read() - before) / 1_000_000 / change.times;
  meter.close();
  return { cpuMs, stallMs: longestMs, refused };
}

function figuresOf({ records, redisBytes, bytesPerRecord, gateway, idleBytes, windows, changed }: Subject) {
  return {
    records,
    redisBytesPerRecord: bytesPerRecord ?? null,
    startUpMs: gateway.startUpMs,
    idleResidentBytes: idleBytes,
    residentBytes: residentBytes(gateway.process.pid),
    redisBytes,
    cpuMicroseconds: { first: costOf(windows.first), second: costOf(windows.second) },
    changed: changed ?? null,
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

function reportText(
  { records, kinds, change }: Population,
  runs: readonly ReturnType<typeof figuresOf>[],
  bytesEach: number,
): string {
  const [first, second] = kinds;
  return [
    alignColumns([
      ['', 'start', 'RSS MB', '', 'Redis', 'bytes', `CPU µs, ${first}`, '', `CPU µs, ${second}`, ''],
      [records, 'ms', 'idle', 'under load', 'MB', 'each', 'p10', 'median', 'p10', 'median'],
      ...runs.map((run) => [
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
    `Memory of the gateway: ${bytesEach.toFixed(0)} bytes each. CPU of the gateway per request. The two take turns.`,
    ...(change === undefined
      ? []
      : [
          '',
          alignColumns([
            [change.about, 'CPU ms of the gateway each', 'longest wait of a request, ms', 'refused'],
            ...runs.map(({ records: count, changed }) => [
              String(count),
              changed?.cpuMs.toFixed(1) ?? '',
              changed?.stallMs.toFixed(1) ?? '',
              String(changed?.refused ?? ''),
            ]),
          ]),
        ]),
  ].join('\n');
}

/** Compares a gateway with few and one with many of something. */
export function scaleOf(population: Population): Experiment {
  return {
    name: population.name,
    about: population.about,
    counted: population.records,
    defaults: { count: population.many },
    run: (lab, plan, progress) => measure(lab, population, plan, progress),
  };
}
