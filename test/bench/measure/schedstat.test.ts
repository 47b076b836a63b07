import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { openCpuMeter, parseSchedstat } from '../../../bench/measure/schedstat.ts';

test('a schedstat line begins with the time on a core, in nanoseconds', () => {
  expect(parseSchedstat('123456789012 345678 42\n')).toBe(123_456_789_012);
});

test.each(['', '1 2\n', 'a b c\n', '1 2 3 4\n'])('%j is not taken for a schedstat line', (text) => {
  expect(() => parseSchedstat(text)).toThrow('not a schedstat line');
});

test.skipIf(process.platform !== 'linux')(
  'the meter counts what another process computes, and keeps its count when that process is gone',
  async () => {
    const child = spawn(process.execPath, [
      '-e',
      'process.stdout.write("up"); process.stdin.once("data", () => { const end = process.cpuUsage().user + 60000; while (process.cpuUsage().user < end); process.stdout.write("done"); });',
    ]);
    try {
      await once(child.stdout, 'data');
      const meter = openCpuMeter([child.pid ?? 0]);
      const before = meter.read();
      child.stdin.write('go');
      await once(child.stdout, 'data');
      const after = meter.read();
      // 60 ms of user time, less one tick of the kernel's accounting.
      expect(after - before).toBeGreaterThan(40_000_000);
      expect(after - before).toBeLessThan(1_000_000_000);
      child.kill('SIGKILL');
      await once(child, 'close');
      expect(meter.read()).toBeGreaterThanOrEqual(after);
      meter.close();
    } finally {
      child.kill('SIGKILL');
    }
  },
);
