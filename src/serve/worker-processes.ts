import cluster, { type Worker } from 'node:cluster';
import type { WorkerNews, WorkerOrder } from './worker-messages.ts';

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A worker, as its primary sees it. */
export interface WorkerProcess {
  readonly pid: number;
  readonly ended: Promise<ProcessEnd>;
  onNews(listener: (news: WorkerNews) => void): void;
  /** An order to one that is gone is lost without a word. */
  order(order: WorkerOrder): void;
  kill(): void;
}

/** The primary, as a worker sees it. */
export interface WorkerChannel {
  onOrder(listener: (order: WorkerOrder) => void): void;
  /** Resolves when the message is on its way. */
  tell(news: WorkerNews): Promise<void>;
}

/** Undefined: this process is nobody's worker. */
export function channelToPrimary(): WorkerChannel | undefined {
  if (!cluster.isWorker || process.send === undefined) return undefined;
  const send = process.send.bind(process);
  return {
    onOrder(listener) {
      process.on('message', listener);
    },
    tell: (news) =>
      new Promise((resolve) => {
        send(news, undefined, undefined, () => resolve());
      }),
  };
}

/**
 * Starts this program anew with the same arguments, as a worker: where it listens, the primary listens for it, and hands out
 * connections in turn. A worker whose primary is gone ends by itself.
 */
export function startWorkerProcess(): WorkerProcess {
  // Numbers such as NaN do not get through as JSON.
  cluster.setupPrimary({ serialization: 'advanced' });
  const worker = cluster.fork();
  return {
    pid: worker.process.pid ?? 0,
    ended: endOf(worker),
    onNews(listener) {
      worker.on('message', listener);
    },
    order(order) {
      if (worker.isConnected()) worker.send(order, () => undefined);
    },
    kill() {
      worker.process.kill('SIGKILL');
    },
  };
}

function endOf(worker: Worker): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) => resolve({ code, signal }));
    // What could not be started does not exit; other errors are followed by the exit.
    worker.on('error', () => {
      if (worker.process.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}
