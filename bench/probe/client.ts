import path from 'node:path';
import { nextMessage } from '../process/messages.ts';
import type { Supervisor } from '../process/supervisor.ts';

/** How long the fixed piece of work took. */
export interface ProbeReading {
  /** Milliseconds of the monotonic clock, which all processes share. */
  readonly atMs: number;
  readonly microseconds: number;
}

export interface Probe {
  /** Ends the probe process and returns what it saw. */
  finish(): Promise<readonly ProbeReading[]>;
}

export function startProbe(supervisor: Supervisor, core: number): Probe {
  const managed = supervisor.start({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'main.ts')],
    core,
    ipc: true,
  });
  return {
    async finish() {
      managed.child.send('finish');
      const readings = (await nextMessage(managed)) as readonly ProbeReading[];
      await managed.stop();
      return readings;
    },
  };
}
