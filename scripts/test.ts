/**
 * `npm test`: static checks, then every test. Each step runs even when an earlier one failed, so that one
 * run shows all that is wrong. The last line is `N passed, N failed`; a failed static check counts as one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ensurePackages } from './packages.ts';

const root = path.resolve(import.meta.dirname, '..');
const verify = process.argv.includes('--verify');
const filters = process.argv.slice(2).filter((argument) => argument !== '--verify');

function run(command: string, args: readonly string[], env: Record<string, string> = {}): boolean {
  process.stdout.write(`\n> ${command} ${args.join(' ')}\n`);
  const child = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  return child.status === 0;
}

interface Totals {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
}

function runVitest(): { passed: number; failed: number; skipped: number } {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-test-'));
  const report = path.join(folder, 'report.json');
  const ok = run(
    'vitest',
    ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...filters],
    {
      GATEHOUSE_VERIFY: verify ? '1' : '0',
    },
  );
  try {
    const totals = JSON.parse(readFileSync(report, 'utf8')) as Totals;
    const failed = totals.numFailedTests;
    return {
      passed: totals.numPassedTests,
      // A file that does not load, or an unhandled rejection, fails the run without failing a test.
      failed: failed === 0 && !ok ? Math.max(1, totals.numFailedTestSuites) : failed,
      skipped: totals.numPendingTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// The browser by itself: it is 100 MB, and what is small should not go without when that fails.
for (const programs of [['redis-server', 'nginx', 'php'], ['haproxy', 'caddy'], ['chromium']])
  for (const line of ensurePackages(programs).notes) process.stdout.write(`${line}\n`);

const checks: readonly (readonly [string, readonly string[]])[] =
  filters.length > 0
    ? []
    : [
        ['tsc', ['-p', 'tsconfig.json', '--noEmit']],
        ['oxlint', ['--type-aware', '--deny-warnings', '.']],
        ['biome', ['check', '.']],
        [process.execPath, ['scripts/build.ts']],
      ];
let failed = 0;
let passed = 0;
for (const [command, args] of checks) {
  if (run(command, args)) passed += 1;
  else failed += 1;
}
const tests = runVitest();
passed += tests.passed;
failed += tests.failed;
if (tests.skipped > 0) process.stdout.write(`\n${tests.skipped} skipped, for reasons printed above\n`);
// Alone on the last line, for programs that read it.
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
