import { readdirSync } from 'node:fs';
import { monotonicMs } from '../../measure/clock.ts';
import { processTree, residentBytes } from '../../measure/processes.ts';
import type { SoakedGateway } from '../places/gateway.ts';
import type { Reading } from './flatness.ts';

/** What was seen of one gateway, about once a second. */
export interface Samples {
  readonly resident: Reading[];
  readonly heap: Reading[];
  /** p99 of each second, milliseconds. */
  readonly loopLag: Reading[];
  /** Open descriptors at quiet moments. */
  readonly descriptors: number[];
}

export interface Sampler {
  readonly samples: Samples;
  /** Open descriptors of the process and its workers, now. */
  descriptors(): number;
  stop(): Promise<void>;
}

const EVERY_MS = 1000;

export function startSampler(gateway: SoakedGateway): Sampler {
  const samples: Samples = { resident: [], heap: [], loopLag: [], descriptors: [] };
  const { pid } = gateway.process;
  let underWay = Promise.resolve();

  async function sample(): Promise<void> {
    const atMs = monotonicMs();
    const metrics = await gateway.metrics();
    samples.resident.push({ atMs, value: residentBytes(pid) });
    samples.heap.push({ atMs, value: metrics.get('nodejs_heap_size_used_bytes') ?? Number.NaN });
    samples.loopLag.push({ atMs, value: (metrics.get('nodejs_eventloop_lag_p99_seconds') ?? 0) * 1000 });
  }

  const timer = setInterval(() => {
    // A gateway that is gone is told of by its exit.
    underWay = underWay.then(sample).catch(() => {});
  }, EVERY_MS);
  return {
    samples,
    descriptors: () =>
      processTree(pid)
        .map((member) => readdirSync(`/proc/${member}/fd`).length)
        .reduce((sum, count) => sum + count, 0),
    async stop() {
      clearInterval(timer);
      await underWay;
    },
  };
}
