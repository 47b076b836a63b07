import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { parseCoreList, parseResidentBytes, processTree } from '../../../bench/measure/processes.ts';

test.each([
  ['0', [0]],
  ['0-3', [0, 1, 2, 3]],
  ['0-1,4,6-7', [0, 1, 4, 6, 7]],
])('the core list %s names each core', (text, cores) => {
  expect(parseCoreList(text)).toEqual(cores);
});

test('resident memory is read in bytes, and a status without it is an error rather than zero', () => {
  expect(parseResidentBytes('VmPeak:\t  99 kB\nVmRSS:\t   82344 kB\nRssAnon:\t 1 kB\n')).toBe(84_320_256);
  expect(() => parseResidentBytes('Name:\tkthreadd\n')).toThrow('no VmRSS');
});

test.skipIf(process.platform !== 'linux')('the children of a process are measured with it', async () => {
  const shell = spawn('sh', ['-c', 'sleep 20 & echo $!; wait']);
  try {
    const [line] = await once(shell.stdout, 'data');
    const grandchild = Number(String(line).trim());
    expect(processTree(shell.pid ?? 0)).toEqual([shell.pid, grandchild]);
    process.kill(grandchild);
  } finally {
    shell.kill('SIGKILL');
  }
});
