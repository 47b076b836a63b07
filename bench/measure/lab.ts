import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LoadClient, startLoad } from '../load/client.ts';
import { REQUEST_PATH, requestFields, requestText } from '../load/request.ts';
import { type Probe, startProbe } from '../probe/client.ts';
import { freePort } from '../process/ports.ts';
import { ask, untilReady } from '../process/readiness.ts';
import {
  createSupervisor,
  type ManagedProcess,
  type ProcessOptions,
  type Supervisor,
} from '../process/supervisor.ts';
import type { Launch, Program, Target } from '../targets/target.ts';
import { UPSTREAM_BODY } from '../upstream/body.ts';
import { startUpstream } from '../upstream/client.ts';
import { type Cores, chooseCores } from './processes.ts';

/** A target that answers. */
export interface RunningTarget {
  readonly port: number;
  /** Whole requests, latin1, to be sent in turn. */
  readonly requests: readonly string[];
  /** Of the first of them. */
  readonly fields: Readonly<Record<string, string>>;
  /** The one that clients connect to. */
  readonly process: ManagedProcess;
  /** All that a request needs: that one, and those beside it. */
  readonly processes: readonly ManagedProcess[];
  /** From the start of its processes to the first 200. */
  readonly startUpMs: number;
  /** How the first of them that ended did so; `undefined` while all run. */
  ending(): string | undefined;
  stop(): Promise<void>;
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

/** Starts the processes of a target, the one that clients connect to last. */
function startPrograms(
  supervisor: Supervisor,
  { besides = [], ...launch }: Launch,
  core: number,
  instrument: Instrument | undefined,
): Pick<RunningTarget, 'process' | 'processes' | 'ending' | 'stop'> {
  const start = ({ command, args, env }: Program, channel?: { ipc: true; env: Record<string, string> }) =>
    supervisor.start({ command, args, core, ...(env !== undefined && { env }), ...channel });
  const others = besides.map((program) => start(program));
  const process = start(
    launch,
    instrument && { ipc: true, env: { ...launch.env, NODE_OPTIONS: instrument.nodeOptions } },
  );
  const processes = [...others, process];
  return {
    process,
    processes,
    ending: () => processes.map((member) => member.ending()).find((text) => text !== undefined),
    async stop() {
      await Promise.all(processes.map((member) => member.stop()));
    },
  };
}

/** Speed of what lets everyone in would be no figure. Throws. */
async function expectRefusal(port: number, fields: Readonly<Record<string, string>>): Promise<void> {
  const answer = await ask({ port, path: REQUEST_PATH, fields });
  if (answer?.status === 401 || answer?.status === 403) return;
  throw new Error(`answered a wrong credential with ${answer?.status ?? 'nothing'}`);
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
        const fields = requests[0] ?? {};
        const startedAt = performance.now();
        const started = startPrograms(supervisor, launch, cores.proxy, instrument);
        try {
          await untilReady(started.process, {
            port,
            path: REQUEST_PATH,
            fields,
            expectedBody: UPSTREAM_BODY,
            ...(target.readyWithinMs !== undefined && { withinMs: target.readyWithinMs }),
          });
          const startUpMs = performance.now() - startedAt;
          const fault = target.faultIn?.(await upstream.lastHead());
          if (fault !== undefined) throw new Error(`forwarded a request ${fault}`);
          if (launch.refused !== undefined) await expectRefusal(port, requestFields(launch.refused));
          return { port, requests: requests.map((each) => requestText(each)), fields, ...started, startUpMs };
        } catch (error) {
          const ending = started.ending();
          await started.stop();
          throw ending === undefined ? error : new Error(ending);
        }
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
