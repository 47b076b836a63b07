import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SOURCES = path.join(ROOT, 'src');

/** What operators run: the compiled entry, not the TypeScript. */
export const GATEHOUSE_ENTRY = path.join(ROOT, 'dist', 'main.js');

function newestSourceMs(): number {
  const names = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' });
  return Math.max(...names.map((name) => statSync(path.join(SOURCES, name)).mtimeMs));
}

/** Compiles Gatehouse when a source is newer than what was compiled. Throws when it does not compile. */
export function buildGatehouse(): void {
  const builtMs = statSync(GATEHOUSE_ENTRY, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (builtMs > newestSourceMs()) return;
  const { status } = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'build.ts')], {
    stdio: ['ignore', process.stderr, process.stderr],
    env: {
      ...process.env,
      PATH: `${path.join(ROOT, 'node_modules', '.bin')}${path.delimiter}${process.env['PATH'] ?? ''}`,
    },
  });
  if (status !== 0) throw new Error('Gatehouse does not compile: see the messages above.');
}
