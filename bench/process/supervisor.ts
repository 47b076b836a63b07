import { type ChildProcess, spawn } from 'node:child_process';
import { findProgram } from '../../scripts/packages.ts';

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The one core that the process and its threads may use. */
  readonly core: number;
  /** Opens a channel for messages (Node processes only). */
  readonly ipc?: boolean;
  /** What becomes of its standard output. Default: nothing. */
  readonly stdout?: 'pipe';
}

export interface ManagedProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** `undefined` while it runs, then one line with how it ended and the last thing it wrote to stderr. */
  ending(): string | undefined;
  /** SIGTERM, then SIGKILL after two seconds. Returns once it is gone. */
  stop(): Promise<void>;
}

/** Starts processes and knows those that still run. */
export interface Supervisor {
  /** Throws once `stopAll` was called: whatever is still going on then may not leave a process behind. */
  start(options: ProcessOptions): ManagedProcess;
  stopAll(): Promise<void>;
}

const PATIENCE_MS = 2000;
const STDERR_KEPT = 2000;

function describeEnding(code: number | null, signal: NodeJS.Signals | null, stderr: string): string {
  const how = signal === null ? `exited with ${code}` : `was ended by ${signal}`;
  const words = stderr.trim();
  return words === '' ? how : `${how}: ${words}`;
}

/** taskset replaces itself by the command, so that the pid is the command's. */
function pinned({ command, args, core }: ProcessOptions): readonly [string, readonly string[]] {
  const taskset = findProgram('taskset');
  if (taskset === undefined)
    throw new Error('taskset (package util-linux) is needed to pin processes to cores');
  return [taskset, ['-c', String(core), command, ...args]];
}

function manage(child: ChildProcess, pid: number): ManagedProcess {
  let stderr = '';
  let ending: string | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_KEPT);
  });
  const { promise: gone, resolve } = Promise.withResolvers<void>();
  child.once('close', (code, signal) => {
    ending = describeEnding(code, signal, stderr);
    resolve();
  });
  return {
    pid,
    child,
    ending: () => ending,
    async stop() {
      if (ending !== undefined) return;
      child.kill('SIGTERM');
      const impatience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
      await gone;
      clearTimeout(impatience);
    },
  };
}

export function createSupervisor(): Supervisor {
  const running = new Set<ManagedProcess>();
  let closed = false;
  // Also when this process ends by an error: no time is left then to be polite.
  process.once('exit', () => {
    for (const { child } of running) child.kill('SIGKILL');
  });
  return {
    start(options) {
      if (closed) throw new Error('the benchmark is ending');
      const [command, args] = pinned(options);
      const child = spawn(command, args, {
        stdio: [
          'ignore',
          options.stdout ?? 'ignore',
          'pipe',
          ...(options.ipc === true ? (['ipc'] as const) : []),
        ],
        env: { ...process.env, ...options.env },
      });
      if (child.pid === undefined) throw new Error(`could not start ${options.command}`);
      const managed = manage(child, child.pid);
      running.add(managed);
      child.once('close', () => running.delete(managed));
      return managed;
    },
    async stopAll() {
      closed = true;
      await Promise.all([...running].map((managed) => managed.stop()));
    },
  };
}
