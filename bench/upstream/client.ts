import path from 'node:path';
import { nextMessage } from '../process/messages.ts';
import type { Supervisor } from '../process/supervisor.ts';

/** Starts the upstream process. Returns the port of 127.0.0.1 that it listens on. */
export async function startUpstream(supervisor: Supervisor, core: number): Promise<number> {
  const managed = supervisor.start({
    command: process.execPath,
    args: [path.join(import.meta.dirname, 'main.ts')],
    core,
    ipc: true,
  });
  const port = await nextMessage(managed);
  if (typeof port !== 'number') throw new Error('the upstream process did not report its port');
  return port;
}
