import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

const MAIN = 'demo/legacy-api/main.ts';

test('run on its own it says where it is, answers there, and stops on SIGTERM', async () => {
  const child = spawn(process.execPath, [MAIN, '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(child.stdout, 'data');
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0] ?? '';
  expect(await (await fetch(`${url}/status`)).text()).toBe('ok');
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test.each(['abc', '70000'])('a port of "%s" is refused in one line', async (port) => {
  const child = spawn(process.execPath, [MAIN, `--port=${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stderr as AsyncIterable<Buffer>) chunks.push(chunk);
  expect(Buffer.concat(chunks).toString()).toBe(`--port ${port}: expected a number from 0 to 65535\n`);
  expect(child.exitCode ?? (await once(child, 'exit'))[0]).toBe(2);
});
