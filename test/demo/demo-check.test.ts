import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BIN = path.join(ROOT, 'node_modules/.bin');

/** What somebody tries first, in the order of the table. */
const FIRST_LINES = [
  'no key',
  'a wrong key',
  'the right key',
  "the other tenant's key on this host",
  'a bearer token',
  'a spoofed X-Tenant-Id',
  'a revoked key',
];

async function runDemo(
  args: readonly string[],
  searchPath: string,
): Promise<{ readonly exitCode: number | null; readonly output: string; readonly errors: string }> {
  const child = spawn(process.execPath, ['demo/main.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, PATH: searchPath },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 55_000,
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, output, errors };
}

test('--check runs every line, prints a table and ends with 0', { timeout: 60_000 }, async () => {
  const { exitCode, output, errors } = await runDemo(
    ['--check'],
    `${BIN}${path.delimiter}${process.env['PATH']}`,
  );
  expect({ exitCode, output, errors }).toMatchObject({ exitCode: 0 });
  const [head = '', ...lines] = output.split('\n');
  expect(head).toMatch(/^LINE +RESULT +WHAT HAPPENED$/);
  for (const [index, title] of FIRST_LINES.entries()) {
    const line = lines[index] ?? '';
    expect(line.startsWith(title)).toBe(true);
    expect(line).toMatch(/ {2}ok {2}/);
  }
  expect(output).toMatch(/\n\d+ ok, 0 failed\n$/);
});

test('without curl it sends the same requests itself, and says so', { timeout: 60_000 }, async () => {
  const { exitCode, output, errors } = await runDemo(['--check', '--output', 'json'], BIN);
  expect({ exitCode, output, errors }).toMatchObject({ exitCode: 0 });
  const report: unknown = JSON.parse(output);
  expect(report).toMatchObject({ ok: true, notes: [expect.stringContaining('curl')] });
});

test('an output that it does not know ends with 2 and the usage', async () => {
  const { exitCode, errors } = await runDemo(['--output', 'xml'], BIN);
  expect(exitCode).toBe(2);
  expect(errors).toBe(
    '--output xml: expected text or json\nUsage: npm run demo [-- --check [--output text|json]]\n',
  );
});
