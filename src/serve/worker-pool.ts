import { availableParallelism } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import type { ReloadReport, WorkerReload } from '../admin/admin-context.ts';
import type { Settings } from '../config/schema/config.ts';
import { mergeObservations, type Observation } from '../gateway/observations.ts';
import type { Log } from '../telemetry/log.ts';
import { createMergedMetrics, type MetricsSource } from '../telemetry/merged-metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { ServingPath } from './request-path.ts';
import { startWorker, type Worker } from './worker.ts';
import type { RequestPorts } from './worker-messages.ts';

/** Worker processes that take requests, kept at their number. */
export interface WorkerPool {
  readonly size: number;
  /** How many serve now. */
  serving(): number;
  /** Resolves when all serve. Throws an Error with the sentence of one that cannot, and then leaves none. */
  start(): Promise<ServingPath>;
  /** Of all processes together, this one included. */
  readonly metrics: Pick<Metrics, 'expose'>;
  observations(): Promise<readonly Observation[]>;
  /** Lets the workers follow what this process has loaded; a file that it refused is not given to them. Never throws. */
  reload(own: ReloadReport): Promise<ReloadReport>;
  /** Why workers do not serve what this process has loaded; empty if they do. */
  problems(): readonly string[];
}

const METRICS_MILLISECONDS = 1000;
const OBSERVATIONS_MILLISECONDS = 5000;
const RELOAD_MILLISECONDS = 30_000;
/** Beyond its drain, for a worker to write its audit records and to end. */
const ENDING_MILLISECONDS = 5000;
/** Doubled with each failure that follows another. */
const FIRST_PAUSE_MILLISECONDS = 100;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
/** A worker that has lived so long has not failed by its start. */
const STABLE_MILLISECONDS = 60_000;
const MOST_WORKERS = 64;

/** How many processes serve; 1: this one does all. */
export function workerCount(workers: Settings['workers']): number {
  return workers === 'auto' ? Math.min(availableParallelism(), MOST_WORKERS) : workers;
}

export function createWorkerPool(options: {
  readonly size: number;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Of the configuration that this process has loaded. */
  readonly revision: () => string;
}): WorkerPool {
  const { size, metrics, log, revision } = options;
  const living = new Set<Worker>();
  const serving = new Map<Worker, MetricsSource>();
  const stopping = new AbortController();
  /** Why a worker does not serve what this process has loaded. */
  const behind = new Map<Worker, { readonly errors: readonly string[]; readonly isPassing: boolean }>();
  let closed: Promise<void> | undefined;
  const merged = createMergedMetrics({ own: metrics, sources: () => [...serving.values()] });
  metrics.gauge('workers', () => serving.size);

  /** Keeps one place filled until the pool closes. */
  async function keepPlace(first: PromiseWithResolvers<RequestPorts>): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      const startedAt = performance.now();
      const problem = await follow(startWorker(), first);
      if (stopping.signal.aborted) return;
      if (performance.now() - startedAt >= STABLE_MILLISECONDS) failures = 0;
      const pause = Math.min(FIRST_PAUSE_MILLISECONDS * 2 ** failures, LONGEST_PAUSE_MILLISECONDS);
      metrics.workerEnded();
      log.error({ ...problem, pause }, 'a worker ended; another one takes its place after a pause');
      // The pool closes meanwhile: the pause ends early.
      await wait(pause, undefined, { signal: stopping.signal }).catch(() => undefined);
      if (stopping.signal.aborted) return;
    }
  }

  /** From a worker's start to its end; what is to be said of the end. */
  async function follow(worker: Worker, first: PromiseWithResolvers<RequestPorts>): Promise<object> {
    living.add(worker);
    const start = await worker.started;
    if (start.kind === 'serving') {
      const source = { snapshot: () => worker.ask('metrics', METRICS_MILLISECONDS) };
      serving.set(worker, source);
      first.resolve(start.ports);
      log.info({ worker: worker.pid, revision: start.revision }, 'a worker serves');
      // The file has changed since the worker read it.
      if (start.revision !== revision()) void reloadWorker(worker);
    } else first.reject(new Error(start.problem));
    const { code, signal } = await worker.ended;
    living.delete(worker);
    behind.delete(worker);
    const source = serving.get(worker);
    serving.delete(worker);
    if (source !== undefined) merged.retire(source);
    return { worker: worker.pid, code, signal, ...(start.kind === 'failed' && { problem: start.problem }) };
  }

  async function reloadWorker(worker: Worker): Promise<WorkerReload> {
    const { pid } = worker;
    const answer = await worker.ask('reload', RELOAD_MILLISECONDS);
    behind.delete(worker);
    if (answer?.outcome === 'refused')
      behind.set(worker, {
        errors: answer.errors.map((error) => `worker ${pid}: ${error}`),
        isPassing: answer.isPassing === true,
      });
    // Whoever takes the place of one that is gone reads the new file anyway.
    else if (answer === undefined && living.has(worker))
      behind.set(worker, {
        errors: [`worker ${pid}: no answer in ${RELOAD_MILLISECONDS / 1000} s`],
        isPassing: true,
      });
    return { pid, outcome: answer?.outcome ?? 'silent' };
  }

  const problems = () => [...behind.values()].flatMap(({ errors }) => errors);

  /** Each worker stops in its own time; those that have not when it is over are killed. */
  async function stopAll({ delay, drain }: Settings['shutdown']): Promise<void> {
    stopping.abort();
    const workers = [...living];
    for (const worker of workers) {
      if (serving.has(worker)) worker.stop();
      else worker.kill();
    }
    const tooLate = setTimeout(
      () => {
        for (const worker of living) {
          log.warn({ worker: worker.pid }, 'a worker was killed, since it did not end in time');
          worker.kill();
        }
      },
      delay + drain + ENDING_MILLISECONDS,
    );
    await Promise.all(workers.map(({ ended }) => ended));
    clearTimeout(tooLate);
  }

  function close(shutdown: Settings['shutdown']): Promise<void> {
    closed ??= stopAll(shutdown);
    return closed;
  }

  return {
    size,
    serving: () => serving.size,
    async start() {
      const places = Array.from({ length: size }, () => Promise.withResolvers<RequestPorts>());
      for (const place of places)
        void keepPlace(place).catch((error: unknown) => {
          place.reject(error);
          log.error({ err: error }, 'no worker can be started any more');
        });
      try {
        const [ports] = await Promise.all(places.map(({ promise }) => promise));
        if (ports === undefined) throw new Error('workers: found none to start');
        return { ports, close };
      } catch (error) {
        await close({ delay: 0, drain: 0 });
        throw error;
      }
    },
    metrics: merged,
    async observations() {
      const reports = await Promise.all(
        [...serving.keys()].map((worker) => worker.ask('observations', OBSERVATIONS_MILLISECONDS)),
      );
      return mergeObservations(reports.filter((report) => report !== undefined));
    },
    async reload(own) {
      if (own.outcome === 'refused') return own;
      const workers = await Promise.all([...serving.keys()].map(reloadWorker));
      const errors = problems();
      if (errors.length === 0) return { ...own, workers };
      const isPassing = [...behind.values()].some((each) => each.isPassing);
      const { revision: ownRevision } = own;
      return { outcome: 'refused', revision: ownRevision, errors, ...(isPassing && { isPassing }), workers };
    },
    problems,
  };
}
