import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');

/** What the demo runs: Gatehouse as it is shipped. */
export const ENTRY = path.join(ROOT, 'dist/main.js');

function changedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isUpToDate(): boolean {
  const built = changedAt(ENTRY);
  return readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).every(
    (name) => changedAt(path.join(ROOT, 'src', name)) < built,
  );
}

/** Builds dist/ unless it is newer than every file of src/. Throws when that fails; tsc has then said why. */
export function buildGatehouse(): void {
  if (isUpToDate()) return;
  process.stderr.write('Building Gatehouse ...\n');
  // What the compiler says goes to stderr: stdout belongs to the report.
  const build = spawnSync(process.execPath, ['scripts/build.ts'], { cwd: ROOT, stdio: ['ignore', 2, 2] });
  if (build.status === 0) return;
  // What the compiler wrote in spite of errors must not pass for a build the next time.
  rmSync(ENTRY, { force: true });
  throw new Error('Gatehouse could not be built');
}
