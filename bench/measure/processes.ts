import { readFileSync } from 'node:fs';

/** The process and all that it started and that still live (nginx works in a child). Throws when it is gone. */
export function processTree(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** `VmRSS:   82344 kB` in the text of /proc/<pid>/status, as bytes. */
export function parseResidentBytes(status: string): number {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (match === null) throw new Error('no VmRSS in the process status');
  return Number(match[1]) * 1024;
}

/** Resident memory of these processes and their children together. */
export function residentBytes(...pids: readonly number[]): number {
  return pids
    .flatMap(processTree)
    .map((member) => parseResidentBytes(readFileSync(`/proc/${member}/status`, 'latin1')))
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** `0-1,4` → [0, 1, 4]: the kernel's notation of a set of cores. */
export function parseCoreList(text: string): number[] {
  return text.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** The core of the proxy under test, and the one shared by load generator and upstream. The same on a one-core machine. */
export interface Cores {
  readonly proxy: number;
  readonly load: number;
}

export function chooseCores(): Cores {
  const status = readFileSync('/proc/self/status', 'latin1');
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1];
  if (list === undefined) throw new Error('no Cpus_allowed_list in /proc/self/status');
  const cores = parseCoreList(list);
  return { proxy: cores.at(-1) ?? 0, load: cores[0] ?? 0 };
}
