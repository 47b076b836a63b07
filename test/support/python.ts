import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface PythonEnvironment {
  /** The interpreter. */
  readonly program: string;
  remove(): void;
}

/** A virtual environment with these packages in a temporary folder, or why there is none. */
export function createPythonEnvironment(packages: readonly string[]): PythonEnvironment | string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-python-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const program = path.join(folder, 'bin', 'python');
  const steps = [
    ['python3', '-m', 'venv', folder],
    [program, '-m', 'pip', 'install', '--quiet', '--no-compile', '--disable-pip-version-check', ...packages],
  ];
  for (const [command = '', ...args] of steps) {
    const step = spawnSync(command, args, { encoding: 'utf8', timeout: 50_000 });
    if (step.status === 0) continue;
    remove();
    return `${command} ${args.join(' ')}: ${step.error?.message ?? step.stderr.trim().slice(-300)}`;
  }
  return { program, remove };
}
