import { parse, stringify } from 'yaml';
import type { OverloadOutcome } from '../load/orders.ts';
import type { Lab, RunningTarget } from '../measure/lab.ts';
import { percentile } from '../measure/percentile.ts';
import { alignColumns } from '../report/table.ts';
import { type GatehouseVariant, gatehouseTarget, type PrepareGatehouse } from '../targets/gatehouse.ts';
import { buildGatehouse } from '../targets/gatehouse-build.ts';
import { prepareGatehouse } from '../targets/gatehouse-setup.ts';
import type { Experiment, ExperimentPlan, Findings } from './experiment.ts';

/** Each request has a token that is not remembered: the work of a request is then most its own, and not the load generator's. */
const VARIANT: GatehouseVariant = { name: 'overload', credential: 'coldBearer', identity: 'assertion' };
const CONNECTIONS = 2000;
const SECONDS = 8;
const FACTORS = [0.5, 1, 2];
/** Of `limits.queueDelay`: that of the default, and one that nothing ever reaches. */
const DELAYS = [undefined, '1h'];

interface Row {
  readonly shedding: boolean;
  readonly factor: number;
  readonly admittedPerSecond: number;
  readonly refusedPerSecond: number;
  readonly unanswered: number;
  readonly admittedP50Ms: number;
  readonly admittedP99Ms: number;
  readonly refusedP99Ms: number;
}

/** The configuration of the other experiments, with another `limits.queueDelay`. */
function withDelay(queueDelay: string | undefined): PrepareGatehouse {
  return async (variant, surroundings) => {
    const setup = await prepareGatehouse(variant, surroundings);
    if (queueDelay === undefined) return setup;
    const config = { ...(parse(setup.config) as object), limits: { queueDelay } };
    return { ...setup, config: stringify(config) };
  };
}

/** Requests per second, where nothing else had the machine. */
async function capacityOf(lab: Lab, { port, requests, process }: RunningTarget): Promise<number> {
  const windows = await lab.load.run<'closedLoop'>({
    kind: 'closedLoop',
    port,
    requests,
    connections: 64,
    warmUpMs: 6000,
    durationMs: 6000,
    pids: [process.pid],
    windowMs: 200,
  });
  const rates = windows.map(({ responses, startMs, endMs }) => (responses / (endMs - startMs)) * 1000);
  return percentile(rates, 0.9) ?? 0;
}

/** NaN: there are none. */
function ms(latencies: readonly number[], fraction: number): number {
  return (percentile(latencies, fraction) ?? Number.NaN) / 1000;
}

function rowOf(shedding: boolean, factor: number, outcome: OverloadOutcome): Row {
  const { admitted, refused, unanswered } = outcome;
  return {
    shedding,
    factor,
    admittedPerSecond: admitted.length / SECONDS,
    refusedPerSecond: refused.length / SECONDS,
    unanswered,
    admittedP50Ms: ms(admitted, 0.5),
    admittedP99Ms: ms(admitted, 0.99),
    refusedP99Ms: ms(refused, 0.99),
  };
}

async function measure(lab: Lab, _: ExperimentPlan, progress: (line: string) => void): Promise<Findings> {
  buildGatehouse();
  const rows: Row[] = [];
  let capacity: number | undefined;
  for (const delay of DELAYS) {
    const running = await lab.launch(gatehouseTarget(VARIANT, withDelay(delay)));
    capacity ??= await capacityOf(lab, running);
    progress(`capacity: ${capacity.toFixed(0)} requests/s`);
    for (const factor of FACTORS) {
      progress(`${factor} times that, ${delay === undefined ? 'shedding' : 'never shedding'}`);
      const outcome = await lab.load.run<'overload'>({
        kind: 'overload',
        port: running.port,
        requests: running.requests,
        connections: CONNECTIONS,
        warmUpMs: 3000,
        durationMs: SECONDS * 1000,
        ratePerSecond: capacity * factor,
      });
      rows.push(rowOf(delay === undefined, factor, outcome));
    }
    await running.stop();
  }
  return {
    figures: { capacityPerSecond: capacity ?? 0, connections: CONNECTIONS, rows },
    text: textOf(rows),
  };
}

function textOf(rows: readonly Row[]): string {
  return [
    alignColumns([
      [
        'times capacity',
        'sheds',
        'admitted/s',
        'refused/s',
        'unanswered',
        'p50 ms',
        'p99 ms',
        'p99 of 503, ms',
      ],
      ...rows.map((row) => [
        String(row.factor),
        row.shedding ? 'yes' : 'no',
        row.admittedPerSecond.toFixed(0),
        row.refusedPerSecond.toFixed(0),
        String(row.unanswered),
        row.admittedP50Ms.toFixed(1),
        row.admittedP99Ms.toFixed(1),
        Number.isNaN(row.refusedP99Ms) ? '' : row.refusedP99Ms.toFixed(1),
      ]),
    ]),
    '',
    `${CONNECTIONS} connections, each request with an ES256 token that is verified; latencies count from when a request was due.`,
  ].join('\n');
}

export const overloadExperiment: Experiment = {
  name: 'overload',
  about: 'latency of admitted requests at half, once and twice the capacity, with load shedding and without',
  counted: 'nothing',
  defaults: { count: 1 },
  run: measure,
};
