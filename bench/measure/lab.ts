import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LoadClient, startLoad } from '../load/client.ts';
import { REQUEST_PATH, requestFields, requestText } from '../load/request.ts';
import { type Probe, startProbe } from '../probe/client.ts';
import { freePort } from '../process/ports.ts';
import { untilReady } from '../process/readiness.ts';
import { createSupervisor, type ManagedProcess, type ProcessOptions } from '../process/supervisor.ts';
import type { Target } from '../targets/target.ts';
import { UPSTREAM_BODY } from '../upstream/body.ts';
import { startUpstream } from '../upstream/client.ts';
import { type Cores, chooseCores } from './processes.ts';

/** A target that answers. */
export interface RunningTarget {
  readonly port: number;
  /** Whole requests, latin1, to be sent in turn. */
  readonly requests: readonly string[];
  readonly process: ManagedProcess;
  /** From the start of the process to its first 200. */
  readonly startUpMs: number;
}

/** Something that is loaded into a Node target, and spoken to over a channel. */
export interface Instrument {
  readonly nodeOptions: string;
}

/** The processes around the targets, and the way to start a target among them. */
export interface Lab {
  readonly cores: Cores;
  readonly load: LoadClient;
  /** Throws when the target does not come up, or does not pass the upstream's bytes on. */
  launch(target: Target, instrument?: Instrument): Promise<RunningTarget>;
  /** Any other process, which ends with the lab. */
  start(options: ProcessOptions): ManagedProcess;
  /** A load process besides `load`. */
  startLoad(): LoadClient;
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
    const upstream = await startUpstream(supervisor, cores.load);
    const load = startLoad(supervisor, cores.load);
    return {
      cores,
      load,
      async launch(target, instrument) {
        launched += 1;
        const port = await freePort();
        const ownFolder = path.join(folder, String(launched));
        await mkdir(ownFolder);
        const launch = await target.prepare({ port, upstreamPort: upstream.port, folder: ownFolder });
        const requests = (launch.requests ?? [{}]).map(requestFields);
        const startedAt = performance.now();
        const process = supervisor.start({
          command: launch.command,
          args: launch.args,
          core: cores.proxy,
          ...(instrument !== undefined && { ipc: true, env: { NODE_OPTIONS: instrument.nodeOptions } }),
        });
        await untilReady(process, {
          port,
          path: REQUEST_PATH,
          fields: requests[0] ?? {},
          expectedBody: UPSTREAM_BODY,
          ...(target.readyWithinMs !== undefined && { withinMs: target.readyWithinMs }),
        });
        const startUpMs = performance.now() - startedAt;
        const fault = target.faultIn?.(await upstream.lastHead());
        if (fault !== undefined) throw new Error(`forwarded a request ${fault}`);
        return { port, requests: requests.map(requestText), process, startUpMs };
      },
      start: (options) => supervisor.start(options),
      startLoad: () => startLoad(supervisor, cores.load),
      startProbe: () => startProbe(supervisor, cores.proxy),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
