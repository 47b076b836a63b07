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
  /** CPU nanoseconds, summed over the threads that lived when the meter was opened. */
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

function threadFiles(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`);
}

/** Throws when one of the processes does not exist. */
export function openCpuMeter(pids: readonly number[]): CpuMeter {
  const threads: OpenThread[] = pids.flatMap(threadFiles).map((name) => ({
    file: openSync(name, 'r'),
    cpuNanoseconds: 0,
  }));
  for (const thread of threads) readThread(thread);
  const busiest = threads.toSorted((a, b) => b.cpuNanoseconds - a.cpuNanoseconds)[0];
  if (busiest === undefined) throw new Error('no thread to measure');
  return {
    read: () => threads.reduce((sum, thread) => sum + readThread(thread), 0),
    readBusiest: () => readThread(busiest),
    close() {
      for (const thread of threads) closeSync(thread.file);
    },
  };
}
