import { systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load.ts';
import { openFoundation } from './foundation.ts';
import type { GatewayOptions } from './gateway.ts';
import { ConfigRefused, type Generations, startGenerations } from './generations.ts';
import { announceThisProcess } from './own-presence.ts';
import { openRequestPath, type RequestPath } from './request-path.ts';
import { readTlsMaterial } from './tls-files.ts';
import type { WorkerAnswers, WorkerOrder, WorkerQuestion } from './worker-messages.ts';
import type { WorkerChannel } from './worker-processes.ts';

/** A service manager and a terminal send them to every process of the group: workers hear of them from the primary alone. */
const SIGNALS_OF_THE_PRIMARY = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** What a worker process does, from its start to its end. Resolves with the exit code. */
export async function runWorker(options: GatewayOptions, channel: WorkerChannel): Promise<number> {
  for (const signal of SIGNALS_OF_THE_PRIMARY) process.on(signal, () => undefined);
  try {
    const worker = await openWorker(options);
    const stopped = new Promise<void>((resolve) => {
      channel.onOrder((order) => void obey(order, worker, channel).then((isOver) => isOver && resolve()));
    });
    await channel.tell({ kind: 'serving', ports: worker.ports, revision: worker.revision() });
    await stopped;
    return 0;
  } catch (error) {
    const problem = error instanceof Error ? error.message : 'unknown fault';
    await channel.tell({ kind: 'failed', problem });
    return 1;
  }
}

interface OpenWorker {
  readonly ports: RequestPath['ports'];
  revision(): string;
  readonly answers: { readonly [Q in WorkerQuestion]: () => Promise<WorkerAnswers[Q]> };
  stop(): Promise<void>;
}

/** Whether the worker is at its end. */
async function obey(order: WorkerOrder, worker: OpenWorker, channel: WorkerChannel): Promise<boolean> {
  if (order.kind === 'stop') {
    await worker.stop();
    return true;
  }
  await channel.tell({ kind: 'answer', id: order.id, value: await worker.answers[order.question]() });
  return false;
}

/** A gateway without administration, probes and watch of files: those are the primary's. */
async function openWorker(options: GatewayOptions): Promise<OpenWorker> {
  const loaded = loadConfig(options.file, { env: options.env });
  if (!loaded.ok) throw new ConfigRefused(loaded.problems);
  const { settings } = loaded;
  const { log, flush } = options.openLog(settings.logging.level, true);
  const clock = options.clock ?? systemClock;
  const foundation = await openFoundation(settings, log, clock);
  const { metrics } = foundation;
  let path: RequestPath | undefined;
  const generations: Generations = await startGenerations({
    file: options.file,
    env: options.env,
    foundation,
    first: loaded,
    onFiles: () => undefined,
    async onSwap(next) {
      const material = await readTlsMaterial(options.file, next.settings.listen.public);
      if (material !== undefined) path?.setTls(material);
    },
  });
  metrics.gauge('cached_credentials', () => generations.current().authentication.status().cachedCredentials);
  const tls = await readTlsMaterial(options.file, settings.listen.public);
  path = await openRequestPath({ settings, tls, foundation, generations });
  const presence = announceThisProcess(foundation, generations, foundation.clock());

  return {
    ports: path.ports,
    revision: () => generations.current().revision,
    answers: {
      metrics: () => metrics.snapshot(),
      observations: async () => foundation.observations.list(),
      // The primary tries again.
      reload: () => generations.reload(),
    },
    async stop() {
      await path.close(generations.current().settings.shutdown);
      await presence.end();
      generations.close();
      await foundation.close();
      flush();
    },
  };
}
