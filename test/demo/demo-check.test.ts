import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BIN = path.join(ROOT, 'node_modules/.bin');
const SEARCH_PATH = `${BIN}${path.delimiter}${process.env['PATH']}`;

// In one file, so that they follow each other: the first one may have to build dist/.

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
    timeout: 110_000,
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, output, errors };
}

test('--check runs every line, prints a table and ends with 0', { timeout: 120_000 }, async () => {
  const { exitCode, output, errors } = await runDemo(['--check'], SEARCH_PATH);
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

test('without curl it sends the same requests itself, and says so', { timeout: 120_000 }, async () => {
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

test('the demo prints lines that work, shows what came of them, and leaves nothing when interrupted', {
  timeout: 120_000,
}, async () => {
  const child = spawn(process.execPath, ['demo/main.ts'], {
    cwd: ROOT,
    env: { ...process.env, PATH: SEARCH_PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 110_000,
  });
  onTestFinished(() => void child.kill());
  const exited = once(child, 'exit');
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  /** Also resolves when the demo has ended, so that what follows fails with what was printed. */
  function prints(text: string): Promise<unknown> {
    const isPrinted = new Promise<void>((resolve) => {
      const look = () => {
        if (printed.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      look();
    });
    return Promise.race([isPrinted, exited]);
  }

  await prints('What the legacy API receives');
  const guide = printed;
  expect(guide).toContain('What the legacy API receives');
  const port = /Gatehouse :(\d+)/.exec(guide)?.[1];
  const key = /\n3\. the right key .*\n\ncurl -si .*'X-API-Key: (ghk_\w+)'/.exec(guide)?.[1] ?? '';
  const folder = /configuration +(\/.*)\/gatehouse\.yaml/.exec(guide)?.[1] ?? '';

  const admitted = await fetch(`http://127.0.0.1:${port}/api/orders`, { headers: { 'x-api-key': key } });
  const refused = await fetch(`http://127.0.0.1:${port}/api/orders`);
  expect([admitted.status, refused.status]).toEqual([200, 401]);
  await prints('✗ 401 credential_missing  GET 127.0.0.1/api/orders');
  const live = printed.slice(guide.length);
  expect(live).toMatch(/→ GET \/api\/orders\n[^→]*X-Tenant-Id: acme\n/);
  expect(live.match(/→ /g)).toHaveLength(1);
  expect(live).not.toContain(key);

  expect(existsSync(path.join(folder, 'data/gatehouse.db'))).toBe(true);
  child.kill('SIGINT');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect(existsSync(folder)).toBe(false);
  await expect(fetch(`http://127.0.0.1:${port}/status`)).rejects.toThrow('fetch failed');
});
