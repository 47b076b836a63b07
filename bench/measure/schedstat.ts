import { closeSync, openSync, readdirSync, readSync } from 'node:fs';

/**
 * CPU nanoseconds of one thread since it began, from the text of /proc/<pid>/task/<tid>/schedstat. The other
 * two numbers there, time in the run queue and time slices, are not used.
 */
export function parseSchedstat(text: string): number {
  const match = /^(\d+) \d+ \d+\s*$/.exec(text);
  if (match === null) throw new Error(`not a schedstat line: ${JSON.stringify(text)}`);
  return Number(match[1]);
}

/** Reads the CPU time of all threads of some processes; cheap enough for several hundred reads a second. */
export interface CpuMeter {
  /** CPU nanoseconds, summed over all threads that have lived since the meter was opened; those of earlier ones are not known. */
  read(): number;
  /** CPU nanoseconds of the one thread that has used most so far: for a proxy, its event loop. */
  readBusiest(): number;
  close(): void;
}

interface OpenThread {
  readonly file: number;
  cpuNanoseconds: number;
}

const scratch = Buffer.alloc(128);

function readThread(thread: OpenThread): number {
  try {
    const length = readSync(thread.file, scratch, 0, scratch.length, 0);
    thread.cpuNanoseconds = parseSchedstat(scratch.toString('latin1', 0, length));
  } catch (error) {
    // ESRCH: the thread has ended. What it used stays in the sum.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
  return thread.cpuNanoseconds;
}

/** None of a process that is gone. */
function threadFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
  } catch {
    return [];
  }
}

/** `undefined` for a thread that has just ended. */
function openThread(name: string): OpenThread | undefined {
  try {
    return { file: openSync(name, 'r'), cpuNanoseconds: 0 };
  } catch {
    return undefined;
  }
}

/** Throws when none of the processes exists. */
export function openCpuMeter(pids: readonly number[]): CpuMeter {
  const threads = new Map<string, OpenThread>();
  /** Some runtimes start threads whenever they need one. */
  function openNewThreads(): void {
    for (const name of pids.flatMap(threadFiles)) {
      if (threads.has(name)) continue;
      const thread = openThread(name);
      if (thread !== undefined) threads.set(name, thread);
    }
  }
  openNewThreads();
  for (const thread of threads.values()) readThread(thread);
  const busiest = [...threads.values()].toSorted((a, b) => b.cpuNanoseconds - a.cpuNanoseconds)[0];
  if (busiest === undefined) throw new Error('no thread to measure');
  return {
    read() {
      openNewThreads();
      return [...threads.values()].reduce((sum, thread) => sum + readThread(thread), 0);
    },
    readBusiest: () => readThread(busiest),
    close() {
      for (const { file } of threads.values()) closeSync(file);
    },
  };
}
