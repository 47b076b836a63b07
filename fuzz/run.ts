import { type FuzzCase, makeCase } from './generate/case.ts';
import { type Fault, judgeBatch, type PlayedCase } from './judge/batch.ts';
import { createModel } from './judge/model.ts';
import { createRandom } from './random.ts';
import { play } from './scene/connection.ts';
import type { Program } from './scene/program.ts';
import { ask, type Scene } from './scene/scene.ts';

export interface FuzzPlan {
  readonly seconds: number;
  readonly cases: number;
  readonly seed: number;
}

export interface FuzzReport {
  readonly cases: number;
  /** Requests in them that can be read in one way only. */
  readonly requests: number;
  /** Requests that an upstream got, or that a check allowed. */
  readonly admitted: number;
  readonly seconds: number;
  readonly faults: readonly Fault[];
  /** All cases that were open beside each other when the first fault was found. */
  readonly failed: readonly FuzzCase[];
}

/** Connections beside each other. What cannot end by itself ends with the gateway's patience, which they share. */
const BATCH = 96;
/** Shares of batches in which nearly nothing, something, or nearly everything is wrong. */
const ODDITIES = [0.05, 0.3, 0.3, 0.8] as const;

/** Plays new cases until time or cases are used up, or a promise is broken. */
export async function runFuzz(
  scene: Scene,
  plan: FuzzPlan,
  progress: (line: string) => void,
): Promise<FuzzReport> {
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  const random = createRandom(plan.seed);
  const judge = createJudge(scene);
  let [cases, requests, admitted, batches] = [0, 0, 0, 0];
  let saidAt = 0;
  while (elapsed() < plan.seconds && cases < plan.cases) {
    const batch = random.fork(batches);
    batches += 1;
    const oddity = batch.pick(ODDITIES);
    const made = Array.from({ length: Math.min(BATCH, plan.cases - cases) }, (_, index) =>
      makeCase(cases + index, batch.fork(index), scene.known, oddity),
    );
    const verdict = await judge(made);
    cases += made.length;
    requests += verdict.clear;
    admitted += verdict.admitted;
    if (verdict.faults.length > 0)
      return { cases, requests, admitted, seconds: elapsed(), faults: verdict.faults, failed: made };
    if (elapsed() - saidAt < 10) continue;
    saidAt = elapsed();
    progress(`${cases} connections, ${requests} requests, ${admitted} admitted`);
  }
  const faults = await faultsAtEnd(scene.program);
  return { cases, requests, admitted, seconds: elapsed(), faults, failed: [] };
}

/** Plays these cases, and no others. */
export async function replay(scene: Scene, cases: readonly FuzzCase[]): Promise<FuzzReport> {
  const startedAt = performance.now();
  const verdict = await createJudge(scene)(cases);
  return {
    cases: cases.length,
    requests: verdict.clear,
    admitted: verdict.admitted,
    seconds: (performance.now() - startedAt) / 1000,
    faults: verdict.faults,
    failed: verdict.faults.length > 0 ? cases : [],
  };
}

function createJudge(scene: Scene) {
  const model = createModel(scene.known);
  const secrets = scene.known.map(({ value }) => value);
  return async (cases: readonly FuzzCase[]) => {
    scene.expect(cases);
    const { ports } = scene.program;
    const portOf = {
      public: ports.public,
      endpoints: ports.public,
      check: ports.check,
      admin: ports.admin,
      ops: ports.ops,
    };
    const played = await Promise.all(
      cases.map(
        async (each): Promise<PlayedCase> => ({
          played: each,
          heard: await play(portOf[each.surface], each.steps),
        }),
      ),
    );
    const verdict = judgeBatch(played, scene.takeArrivals(), model);
    const probe = await faultsOfProbe(scene);
    scene.takeArrivals();
    return { ...verdict, faults: [...verdict.faults, ...probe, ...faultsInOutput(scene.program, secrets)] };
  };
}

/** Each credential still does what it did, for its own tenant, whatever came before. */
async function faultsOfProbe({ program, known }: Scene): Promise<readonly Fault[]> {
  if (program.hasEnded()) return [{ fault: `the gateway has ended: ${program.takeOutput()}` }];
  const [{ value }] = known;
  try {
    const answer = await ask(program.ports.public, 'GET /public/probe', 'gw.test', '', [
      `X-API-Key: ${value}`,
    ]);
    return answer.status === 200 ? [] : [{ fault: `a request in order was answered ${answer.status}` }];
  } catch (error) {
    return [{ fault: error instanceof Error ? error.message : String(error) }];
  }
}

/** Lines of the log that say of a fault of ours. */
const FAULT_IN_LOG = /"level":"fatal"|internal_error|unhandled|uncaught|could not be handled/i;

function faultsInOutput(program: Program, secrets: readonly string[]): readonly Fault[] {
  const output = program.takeOutput();
  const lines = output.split('\n').filter((line) => FAULT_IN_LOG.test(line));
  return [
    ...lines.map((line) => ({ fault: `the log says ${line}` })),
    ...(secrets.some((secret) => output.includes(secret)) ? [{ fault: 'a credential is in the log' }] : []),
  ];
}

/** Open descriptors of an idle gateway: its files, listeners and what it keeps open to upstreams. */
const MOST_DESCRIPTORS = 120;
const SETTLE_MS = 5_000;

/** What a gateway that has nothing to do may not hold any more. */
async function faultsAtEnd(program: Program): Promise<readonly Fault[]> {
  const until = performance.now() + SETTLE_MS;
  const isSettled = () => (program.descriptors() ?? 0) <= MOST_DESCRIPTORS;
  while (!isSettled() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 100));
  const metrics = await ask(program.ports.ops, 'GET /metrics', 'gw.test', '', []);
  const active = /^http_server_active_requests(?:\{[^}]*\})? (\d+)/m.exec(metrics.body)?.[1];
  const faults: Fault[] = [];
  if (!isSettled()) faults.push({ fault: `${program.descriptors()} descriptors are open at the end` });
  if (active !== '0')
    faults.push({ fault: `${active ?? 'an unknown number of'} requests are still active at the end` });
  return faults;
}
