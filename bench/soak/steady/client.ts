import { once } from 'node:events';
import path from 'node:path';
import { requestFields, requestText } from '../../load/request.ts';
import type { Lab } from '../../measure/lab.ts';
import type { Ledger } from '../judge/ledger.ts';
import type { SteadyOrder, SteadyReport } from './messages.ts';

/** The process that keeps a gateway at a fixed rate of requests. */
export interface SteadyLoad {
  begin(options: { readonly port: number; readonly key: string; readonly ratePerSecond: number }): void;
  /** Resolves when the last one is answered and every connection is closed. */
  end(): Promise<void>;
  /** Of the quarters of a second so far, the 50th and 99th percentile of latency: milliseconds. */
  readonly p50sMs: readonly number[];
  readonly p99sMs: readonly number[];
}

const CONNECTIONS = 64;

export function startSteadyLoad(lab: Lab, ledger: Ledger): SteadyLoad {
  const managed = lab.start({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'main.ts')],
    core: lab.cores.load,
    ipc: true,
  });
  const { child } = managed;
  const p50sMs: number[] = [];
  const p99sMs: number[] = [];
  child.on('message', (report: SteadyReport) => {
    for (const [outcome, count] of report.outcomes)
      ledger.note({ asker: 'steady load', outcome, count, sentAt: report.fromMs, answeredAt: report.toMs });
    if (report.p50Ms !== undefined) p50sMs.push(report.p50Ms);
    if (report.p99Ms !== undefined) p99sMs.push(report.p99Ms);
    if (report.isLast) child.emit('quiet');
  });
  const order = (message: SteadyOrder): void => void child.send(message);
  return {
    p50sMs,
    p99sMs,
    begin({ port, key, ratePerSecond }) {
      const request = requestText(requestFields({ 'X-Api-Key': key }));
      order({ kind: 'begin', port, ratePerSecond, connections: CONNECTIONS, request });
    },
    async end() {
      const quiet = once(child, 'quiet');
      order({ kind: 'end' });
      await quiet;
    },
  };
}
