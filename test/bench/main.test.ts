import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';

const ENTRY = path.resolve(import.meta.dirname, '../../bench/main.ts');
const onLinux = test.skipIf(process.platform !== 'linux');

function startBench(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return spawn(process.execPath, [ENTRY, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return text.split(' ').filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

onLinux('an interrupted run leaves no process behind', async () => {
  const bench = startBench(['--quick', '--targets', 'bare']);
  const ended = once(bench, 'close');
  try {
    for await (const line of createInterface(bench.stderr)) {
      if (line.includes('warm-up')) break;
    }
    const children = await childrenOf(bench.pid ?? 0);
    // The upstream, the load generator and the target.
    expect(children).toHaveLength(3);
    bench.stderr.resume();
    bench.kill('SIGINT');
    expect(await ended).toEqual([130, null]);
    expect(children.filter(isAlive)).toEqual([]);
  } finally {
    bench.kill('SIGKILL');
  }
});

onLinux('--cpu-prof leaves a profile of the target under load, and shows what was hot in it', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-bench-'));
  try {
    const bench = startBench(['--cpu-prof', folder, '--targets', 'bare', '--seconds', '1']);
    bench.stderr.resume();
    let output = '';
    bench.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    expect(await once(bench, 'close')).toEqual([0, null]);
    expect(output).toContain('bench/targets/processes/pass-through.ts:');
    const profile = JSON.parse(await readFile(path.join(folder, 'bare.cpuprofile'), 'utf8'));
    expect(profile.samples.length).toBeGreaterThan(100);
  } finally {
    await rm(folder, { recursive: true });
  }
});

onLinux('a target that does not come up is named in the report, and the run fails', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-bench-'));
  try {
    const program = path.join(folder, 'nginx');
    await writeFile(program, '#!/bin/sh\necho "no such directive" >&2\nexit 3\n');
    await chmod(program, 0o755);
    const bench = startBench(['--quick', '--seconds', '1', '--targets', 'nginx', '--output', 'json'], {
      PATH: `${folder}${path.delimiter}${process.env['PATH'] ?? ''}`,
    });
    bench.stderr.resume();
    let output = '';
    bench.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    expect(await once(bench, 'close')).toEqual([1, null]);
    expect(JSON.parse(output)).toMatchObject({
      suites: [
        { targets: [{ name: 'nginx', failure: 'exited with 3: no such directive', cpuMicroseconds: null }] },
      ],
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
