import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';

/** Each run is a process. */
vi.setConfig({ testTimeout: 60_000 });

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

function runExplain(...args: readonly string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [MAIN, 'explain', ...args], (_error, _stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stderr }),
    );
  });
}

test.each([
  {
    what: 'a URL without scheme and host',
    args: ['GET', '/api/orders'],
    says: 'error: The URL must begin with http:// or https://.\n',
  },
  {
    what: 'a field without a name, whose value may be a credential',
    args: ['GET', 'http://localhost/api', '-H', 'ghk_SECRET'],
    says: 'error: A header field is written "Name: value".\n',
  },
])('explain says what is wrong with $what', async ({ args, says }) => {
  expect(await runExplain(...args)).toEqual({ code: 2, stderr: says });
});
