import { setTimeout as wait } from 'node:timers/promises';
import type { WorkerAnswers, WorkerNews, WorkerQuestion } from './worker-messages.ts';
import { type ProcessEnd, startWorkerProcess, type WorkerProcess } from './worker-processes.ts';

/** A worker as the pool keeps it. */
export interface Worker {
  readonly pid: number;
  /** That it serves, or why it cannot. */
  readonly started: Promise<Exclude<WorkerNews, { readonly kind: 'answer' }>>;
  readonly ended: Promise<ProcessEnd>;
  /** `undefined`: it did not answer in time, or is gone. Never throws. */
  ask<Q extends WorkerQuestion>(question: Q, milliseconds: number): Promise<WorkerAnswers[Q] | undefined>;
  stop(): void;
  kill(): void;
}

/** One that hangs must not hold up the others for ever; the store has its own, shorter times. */
const START_MILLISECONDS = 60_000;

export function startWorker(): Worker {
  const process: WorkerProcess = startWorkerProcess();
  const { pid, ended } = process;
  const started = Promise.withResolvers<Exclude<WorkerNews, { readonly kind: 'answer' }>>();
  const waiting = new Map<number, (value: WorkerAnswers[WorkerQuestion]) => void>();
  let questions = 0;

  process.onNews((news) => {
    if (news.kind === 'answer') waiting.get(news.id)?.(news.value);
    else started.resolve(news);
  });
  const tooLate = setTimeout(() => {
    started.resolve({
      kind: 'failed',
      problem: `a worker did not start within ${START_MILLISECONDS / 1000} s`,
    });
    process.kill();
  }, START_MILLISECONDS);
  void started.promise.then(() => clearTimeout(tooLate));
  void ended.then(({ code, signal }) =>
    started.resolve({
      kind: 'failed',
      problem: `a worker ended before it served (${signal ?? `exit code ${code}`})`,
    }),
  );

  return {
    pid,
    started: started.promise,
    ended,
    async ask<Q extends WorkerQuestion>(question: Q, milliseconds: number) {
      const id = (questions += 1);
      const patience = new AbortController();
      try {
        const answer = new Promise<WorkerAnswers[Q]>((resolve) => {
          // The worker answers with what the question is for.
          waiting.set(id, (value) => resolve(value as WorkerAnswers[Q]));
        });
        process.order({ kind: 'ask', id, question });
        return await Promise.race([
          answer,
          ended.then(() => undefined),
          wait(milliseconds, undefined, { signal: patience.signal }),
        ]);
      } finally {
        waiting.delete(id);
        patience.abort();
      }
    },
    stop: () => process.order({ kind: 'stop' }),
    kill: () => process.kill(),
  };
}
