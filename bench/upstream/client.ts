import path from 'node:path';
import { nextMessage } from '../process/messages.ts';
import type { Supervisor } from '../process/supervisor.ts';

export interface Upstream {
  /** The port of 127.0.0.1 that it listens on. */
  readonly port: number;
  /** The request line and fields that it received last, without the empty line. */
  lastHead(): Promise<string>;
}

/** Starts the upstream process. */
export async function startUpstream(supervisor: Supervisor, core: number): Promise<Upstream> {
  const managed = supervisor.start({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'main.ts')],
    core,
    ipc: true,
  });
  const port = await nextMessage(managed);
  if (typeof port !== 'number') throw new Error('the upstream process did not report its port');
  return {
    port,
    async lastHead() {
      managed.child.send('lastHead');
      return String(await nextMessage(managed));
    },
  };
}
