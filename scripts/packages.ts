/** Debian packages that some tests run against. Installed when that is allowed, else named as missing. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

const PATHS = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];

/** Absolute path of an installed program, or `undefined`. Debian keeps some servers in /usr/sbin. */
export function findProgram(name: string): string | undefined {
  for (const folder of PATHS) {
    const candidate = path.join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

/** False also when it takes longer than three minutes. */
function aptGet(args: readonly string[]): boolean {
  const child = spawnSync('apt-get', ['-qq', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 180_000,
  });
  return child.status === 0;
}

/** Packages that have another name than their program. */
const PACKAGE_OF: Readonly<Record<string, string>> = { php: 'php-cli' };

function install(programs: readonly string[]): boolean {
  const packages = programs.map((program) => PACKAGE_OF[program] ?? program);
  return aptGet(['install', '-y', '--no-install-recommends', ...packages]);
}

/** Names of programs. `notes` says what was installed and what is missing. */
export function ensurePackages(programs: readonly string[]): { readonly notes: readonly string[] } {
  const missing = programs.filter((program) => findProgram(program) === undefined);
  if (missing.length === 0) return { notes: [] };
  const mayInstall = process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
  if (mayInstall && (install(missing) || (aptGet(['update']) && install(missing)))) {
    return { notes: [`Installed for the tests: ${missing.join(', ')}`] };
  }
  return {
    notes: missing.map(
      (program) =>
        `SKIPPED: tests that need ${program} (not installed, and ${mayInstall ? 'apt-get could not install it' : 'this user may not install Debian packages'})`,
    ),
  };
}
