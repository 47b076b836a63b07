import { Agent } from 'node:http';
import type { LoadClient } from '../load/client.ts';
import type { Lab } from '../measure/lab.ts';
import { percentile } from '../measure/percentile.ts';
import { alignColumns } from '../report/table.ts';
import { loadKnownKeys } from './bulk-load.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';
import { type GatewayOnRedis, presentingKeys, startGateway } from './gateway-on-redis.ts';
import { startRedisServer } from './redis-server.ts';
import { type Delay, revokeAndWatch } from './revoking.ts';

const CACHED = 50_000;
/** Of each replica, besides what is watched. */
const RATE_PER_SECOND = 500;
const LOAD_CONNECTIONS = 16;
const LOAD_SLICE_MS = 2000;
const BUCKETS_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, Number.POSITIVE_INFINITY];
const BAR = 40;

async function measure(lab: Lab, plan: ExperimentPlan, progress: (line: string) => void): Promise<Findings> {
  const redis = await startRedisServer(lab);
  const [spare, ...keys] = await loadKnownKeys(redis, plan.count + 1);
  if (spare === undefined) throw new Error('no key');
  const options = { redis, cached: CACHED, ...presentingKeys([spare]) };
  progress('starting two replicas');
  const first = await startGateway(lab, { ...options, name: 'first replica' });
  const other = await startGateway(lab, { ...options, name: 'other replica' });
  const stopping = new AbortController();
  const loads = [
    keepBusy(lab.load, first, stopping.signal),
    keepBusy(lab.startLoad(), other, stopping.signal),
  ];
  const agent = new Agent({ keepAlive: true });
  const delays: Delay[] = [];
  try {
    for (const [index, key] of keys.entries()) {
      if (index % 100 === 0) progress(`revocation ${index + 1} of ${keys.length}`);
      delays.push(
        ...(await Promise.race([revokeAndWatch(agent, first, [other], key), ...loads.map(untilFailure)])),
      );
    }
  } finally {
    stopping.abort();
    agent.destroy();
    await Promise.allSettled(loads);
  }
  redis.client.disconnect();
  return report(delays);
}

/** Never resolves; rejects when the load does, so that it is not measured without. */
async function untilFailure(load: Promise<void>): Promise<never> {
  await load;
  throw new Error('the load ended too early');
}

/** Requests of another key at a steady rate, until it is told to stop. */
async function keepBusy(
  load: LoadClient,
  { port, requests }: GatewayOnRedis,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const connections = LOAD_CONNECTIONS;
    const order = { port, requests, connections, warmUpMs: 0, durationMs: LOAD_SLICE_MS };
    await load.run({ kind: 'fixedRate', ratePerSecond: RATE_PER_SECOND, ...order });
  }
}

function report(delays: readonly Delay[]): Findings {
  const refusedMs = delays.map((delay) => delay.refusedMs);
  const figures = {
    revocations: delays.length,
    p50Ms: percentile(refusedMs, 0.5) ?? 0,
    p90Ms: percentile(refusedMs, 0.9) ?? 0,
    p99Ms: percentile(refusedMs, 0.99) ?? 0,
    maxMs: percentile(refusedMs, 1) ?? 0,
    refusedBeforeAcknowledged: refusedMs.filter((ms) => ms === 0).length,
    requestsAdmittedAfterAcknowledgement: delays.reduce((sum, delay) => sum + delay.admittedAfter, 0),
    histogram: histogramOf(refusedMs),
  };
  const text = [
    `${delays.length} revocations through one replica, ${RATE_PER_SECOND} requests/s at each of two: milliseconds from the`,
    'acknowledgement to the first refusal of the other replica.',
    '',
    alignColumns([
      ['', 'p50', 'p90', 'p99', 'max'],
      ['ms', ...[figures.p50Ms, figures.p90Ms, figures.p99Ms, figures.maxMs].map((ms) => ms.toFixed(2))],
    ]),
    '',
    ...figures.histogram.map(({ label, revocations }) => {
      const bar = '█'.repeat(Math.ceil((revocations / Math.max(1, delays.length)) * BAR));
      return `${label.padStart(22)}  ${String(revocations).padStart(5)}  ${bar}`.trimEnd();
    }),
    '',
    `Requests admitted after the acknowledgement: ${figures.requestsAdmittedAfterAcknowledgement}.`,
  ].join('\n');
  return { figures, text };
}

function histogramOf(refusedMs: readonly number[]) {
  let lower = 0;
  const buckets = BUCKETS_MS.map((upper) => {
    const revocations = refusedMs.filter((ms) => ms > lower && ms <= upper).length;
    const label = Number.isFinite(upper) ? `${lower} to ${upper} ms` : `over ${lower} ms`;
    lower = upper;
    return { label, revocations };
  });
  return [
    { label: 'before it was answered', revocations: refusedMs.filter((ms) => ms === 0).length },
    ...buckets,
  ];
}

export const revocationExperiment: Experiment = {
  name: 'revocation',
  about: 'from an acknowledged revocation to the first refusal on another replica, under load',
  counted: 'revocations',
  defaults: { count: 500 },
  run: measure,
};
