import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LoadClient, startLoad } from '../load/client.ts';
import { REQUEST_FIELDS, REQUEST_PATH } from '../load/request.ts';
import { type Probe, startProbe } from '../probe/client.ts';
import { freePort } from '../process/ports.ts';
import { untilReady } from '../process/readiness.ts';
import { createSupervisor, type ManagedProcess } from '../process/supervisor.ts';
import type { Target } from '../targets/target.ts';
import { UPSTREAM_BODY } from '../upstream/body.ts';
import { startUpstream } from '../upstream/client.ts';
import { type Cores, chooseCores } from './processes.ts';

/** A target that answers. */
export interface RunningTarget {
  readonly port: number;
  readonly fields: Readonly<Record<string, string>>;
  readonly process: ManagedProcess;
  /** From the start of the process to its first 200. */
  readonly startUpMs: number;
}

/** The processes around the targets, and the way to start a target among them. */
export interface Lab {
  readonly cores: Cores;
  readonly load: LoadClient;
  /** Throws when the target does not come up, or does not pass the upstream's bytes on. */
  launch(target: Target): Promise<RunningTarget>;
  /** Watches the proxy's core until it is told to finish. */
  startProbe(): Probe;
  /** Ends every process and removes every file. */
  close(): Promise<void>;
}

export async function openLab(): Promise<Lab> {
  const cores = chooseCores();
  const supervisor = createSupervisor();
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-bench-'));
  const close = async (): Promise<void> => {
    await supervisor.stopAll();
    await rm(folder, { recursive: true, force: true });
  };
  let launched = 0;
  try {
    const upstreamPort = await startUpstream(supervisor, cores.load);
    const load = startLoad(supervisor, cores.load);
    return {
      cores,
      load,
      async launch(target) {
        launched += 1;
        const port = await freePort();
        const ownFolder = path.join(folder, String(launched));
        await mkdir(ownFolder);
        const launch = await target.prepare({ port, upstreamPort, folder: ownFolder });
        const fields = { ...REQUEST_FIELDS, ...launch.fields };
        const startedAt = performance.now();
        const process = supervisor.start({ ...launch, core: cores.proxy });
        await untilReady(process, { port, path: REQUEST_PATH, fields, expectedBody: UPSTREAM_BODY });
        return { port, fields, process, startUpMs: performance.now() - startedAt };
      },
      startProbe: () => startProbe(supervisor, cores.proxy),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
