import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestFields, requestText } from '../load/request.ts';
import { monotonicMs } from '../measure/clock.ts';
import type { Lab } from '../measure/lab.ts';
import { median } from '../measure/percentile.ts';
import { processTree } from '../measure/processes.ts';
import { nextMessage } from '../process/messages.ts';
import { ask } from './actors/ask.ts';
import { issueKey, lagsMs } from './actors/keys.ts';
import { type Actor, publicPlace, type Stage, withKey } from './actors/stage.ts';
import { ACTORS } from './actors/table.ts';
import type { Reading } from './judge/flatness.ts';
import { createLedger, type Ledger } from './judge/ledger.ts';
import { type Sampler, startSampler } from './judge/sampler.ts';
import type { SoakOptions } from './options.ts';
import { type DurableRedis, startDurableRedis } from './places/durable-redis.ts';
import { type SoakedGateway, startSoakedGateway } from './places/gateway.ts';
import type { SoakRun } from './report.ts';
import { type SteadyLoad, startSteadyLoad } from './steady/client.ts';

interface Cycles {
  readonly count: number;
  /** Of one cycle, its quiet moment not counted. */
  readonly busyMs: number;
  /** How long Redis is away in turn: less, and more, than `store.maxLag`. */
  readonly absencesMs: readonly number[];
}

interface Player {
  readonly name: string;
  readonly gateway: SoakedGateway;
  readonly sampler: Sampler;
}

const LONGEST_CYCLE_MS = 60_000;
const SHORTEST_CYCLE_MS = 5000;
const LONGEST_CALIBRATION_MS = 3000;
const SHORTEST_CALIBRATION_MS = 800;
const PROGRESS_MS = 5000;
/** After it what nobody uses any more is closed: upstream connections, sockets that linger. */
const QUIET_MS = 8000;
const QUIET_ENOUGH = 4;
const RECOVERY_MS = 20_000;
const POLL_MS = 50;

export function cyclesOf(minutes: number): Cycles {
  const totalMs = minutes * 60_000;
  const count = Math.max(1, Math.round(totalMs / LONGEST_CYCLE_MS));
  const busyMs = Math.max(SHORTEST_CYCLE_MS, totalMs / count - QUIET_MS);
  return { count, busyMs, absencesMs: busyMs < 30_000 ? [1000] : [1500, 8000] };
}

/** Runs the whole soak. Throws when it cannot be carried out; what the gateways did wrong is in the ledger. */
export async function soak(
  lab: Lab,
  options: SoakOptions,
  progress: (line: string) => void,
): Promise<SoakRun> {
  const began = monotonicMs();
  const ledger = createLedger(monotonicMs);
  const redis = await startDurableRedis(lab);
  const gateways: SoakedGateway[] = [];
  try {
    progress('starting two replicas');
    const place = await placeOf(lab, redis);
    const startOne = async (isTls: boolean): Promise<SoakedGateway> => {
      const workers = isTls ? 1 : options.workers;
      const gateway = await startSoakedGateway(lab, ledger, monotonicMs, { ...place, workers, isTls });
      gateways.push(gateway);
      return gateway;
    };
    const [plain, tls] = [await startOne(false), await startOne(true)];
    const players = [
      { name: 'plain', gateway: plain, sampler: startSampler(plain) },
      { name: 'TLS', gateway: tls, sampler: startSampler(tls) },
    ];
    for (const { sampler } of players) sampler.samples.descriptors.push(sampler.descriptors());
    const issued = await issueKey({ ledger }, plain);
    if (issued === undefined) throw new Error('no key could be issued');
    const stage: Stage = { plain, tls, ledger, key: issued.key };
    progress('measuring what the gateway takes');
    const capacityPerSecond = await calibrate(lab, stage, options);
    const ratePerSecond = Math.round(capacityPerSecond / 2);
    const steady = startSteadyLoad(lab, ledger);
    const cycles = cyclesOf(options.minutes);
    const recoveriesMs: number[] = [];
    const status = (): string => statusOf(stage, players, steady);
    const reporting = setInterval(() => progress(status()), PROGRESS_MS);
    const turns = new Map<Actor, number>();
    for (let cycle = 0; cycle < cycles.count; cycle += 1) {
      const busy = new AbortController();
      steady.begin({ port: plain.ports.public, key: stage.key, ratePerSecond });
      const acting = ACTORS.map((actor) => keepActing(actor, stage, turns, busy.signal));
      await sleep(cycles.busyMs * 0.35);
      const absenceMs = cycles.absencesMs[cycle % cycles.absencesMs.length] ?? 0;
      recoveriesMs.push(await restartStore(stage, redis, absenceMs));
      await sleep(Math.max(0, cycles.busyMs * 0.65 - absenceMs));
      busy.abort();
      await Promise.all([...acting, steady.end()]);
      await quieten(players);
      progress(`cycle ${cycle + 1} of ${cycles.count}: ${status()}`);
      checkProcesses(players, ledger);
    }
    clearInterval(reporting);
    for (const { sampler, gateway, name } of players) {
      await sampler.stop();
      const errors = (await gateway.metrics()).get('gatehouse_decisions_total{code="internal_error"}') ?? 0;
      if (errors > 0) ledger.fault(`${name}: ${errors} requests ended in internal_error`);
    }
    return {
      ledger,
      gateways: players.map(({ name, sampler }) => ({ name, samples: sampler.samples })),
      minutes: Math.round((monotonicMs() - began) / 6000) / 10,
      capacityPerSecond,
      ratePerSecond,
      storeRestarts: recoveriesMs.length,
      recoveriesMs,
      lagsMs,
      p50sMs: steady.p50sMs,
      p99sMs: steady.p99sMs,
    };
  } finally {
    for (const gateway of gateways) await gateway.clean();
    await redis.clean();
  }
}

async function placeOf(lab: Lab, redis: DurableRedis) {
  const startUpstream = async (file: string): Promise<number> => {
    const args = [path.join(import.meta.dirname, file)];
    const upstream = lab.start({ command: process.execPath, args, core: lab.cores.load, ipc: true });
    return Number(await nextMessage(upstream));
  };
  const steady = await startUpstream('../upstream/main.ts');
  const moody = await startUpstream('places/upstream.ts');
  return {
    adminToken: randomBytes(24).toString('hex'),
    redisUrl: redis.url,
    upstreamPorts: { steady, moody },
  };
}

/** Requests per second with every connection busy. */
async function calibrate(lab: Lab, { plain, key }: Stage, { minutes }: SoakOptions): Promise<number> {
  const durationMs = Math.min(LONGEST_CALIBRATION_MS, SHORTEST_CALIBRATION_MS + minutes * 1000);
  const windows = await lab.load.run({
    kind: 'closedLoop',
    port: plain.ports.public,
    requests: [requestText(requestFields({ 'X-Api-Key': key }))],
    connections: 64,
    warmUpMs: durationMs,
    durationMs,
    pids: processTree(plain.process.pid),
    windowMs: 100,
  });
  const rates = windows.map(({ responses, startMs, endMs }) => (responses * 1000) / (endMs - startMs));
  return median(rates) ?? 0;
}

async function keepActing(
  actor: Actor,
  stage: Stage,
  turns: Map<Actor, number>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const turn = turns.get(actor) ?? 0;
    turns.set(actor, turn + 1);
    try {
      await actor.act(stage, turn);
    } catch (error) {
      stage.ledger.fault(`${actor.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
    await sleep(actor.everyMs, undefined, { signal }).catch(() => {});
  }
}

/** Milliseconds from its first answer until both replicas admit again. */
async function restartStore(stage: Stage, redis: DurableRedis, absenceMs: number): Promise<number> {
  const comesBack = stage.ledger.storeGoesAway();
  await redis.kill();
  await sleep(absenceMs);
  await redis.start();
  const answersAt = monotonicMs();
  const admits = async (gateway: SoakedGateway): Promise<boolean> => {
    const asked = { ...publicPlace(gateway), path: '/moody/orders/17', headers: withKey(stage.key) };
    const lag = (await gateway.metrics()).get('gatehouse_revocation_lag_seconds') ?? Number.POSITIVE_INFINITY;
    return (await ask(asked)).outcome === '200' && lag < 1.5;
  };
  while (!(await Promise.all([admits(stage.plain), admits(stage.tls)])).every(Boolean)) {
    if (monotonicMs() > answersAt + RECOVERY_MS) {
      stage.ledger.fault(`the replicas do not admit ${RECOVERY_MS / 1000} s after Redis is back`);
      break;
    }
    await sleep(POLL_MS);
  }
  comesBack();
  return monotonicMs() - answersAt;
}

/** Returns when descriptors are about as few as before any load, or when that is waited for in vain; notes them. */
async function quieten(players: readonly Player[]): Promise<void> {
  const giveUpAt = monotonicMs() + QUIET_MS;
  const isQuiet = ({ sampler }: Player): boolean =>
    sampler.descriptors() <= (sampler.samples.descriptors[0] ?? 0) + QUIET_ENOUGH;
  while (monotonicMs() < giveUpAt && !players.every(isQuiet)) await sleep(POLL_MS);
  for (const { sampler } of players) sampler.samples.descriptors.push(sampler.descriptors());
}

function checkProcesses(players: readonly Player[], ledger: Ledger): void {
  for (const { name, gateway } of players) {
    const ending = gateway.process.ending();
    if (ending === undefined) continue;
    ledger.fault(`${name}: the process ${ending}`);
    throw new Error(`the gateway (${name}) ${ending}`);
  }
}

function statusOf({ ledger }: Stage, players: readonly Player[], { p99sMs }: SteadyLoad): string {
  const memory = players.map(({ name, sampler }) => {
    const { resident, heap } = sampler.samples;
    return `${name} ${lastOf(resident)}/${lastOf(heap)} MB ${sampler.descriptors()} fds`;
  });
  const faults = [...ledger.faults().values()].reduce((sum, count) => sum + count, 0);
  return `${ledger.total()} answers, p99 ${p99sMs.at(-1)?.toFixed(1) ?? '-'} ms, ${memory.join(', ')}, ${faults} unexplained`;
}

/** Whole megabytes. */
function lastOf(readings: readonly Reading[]): string {
  return ((readings.at(-1)?.value ?? 0) / 1_000_000).toFixed(0);
}
