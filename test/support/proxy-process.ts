import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findFreePort, until } from './redis.ts';

/** A proxy of somebody else's, running with a configuration from `deploy/recipes`. */
export interface RunningProxy {
  readonly port: number;
  /** What it wrote to its standard outputs. */
  log(): string;
  /** Ends it at once. */
  stop(): Promise<void>;
}

/** Ports of 127.0.0.1 that the recipe's stand for. */
export interface RecipePorts {
  /** For 3000. */
  readonly upstream: number;
  /** For 8080: the gateway's public listener. */
  readonly gateway: number;
  /** For 8082: its forward-auth listener. */
  readonly authz: number;
}

const RECIPES = path.resolve(import.meta.dirname, '../../deploy/recipes');

/** The files of a recipe, with these ports in place of its own. Fails if one of those is not there. */
export function recipeFiles(
  name: string,
  ports: RecipePorts & { readonly clients: number },
): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const replaced = new Set<string>();
  const byPlace: Readonly<Record<string, number>> = {
    '127.0.0.1:3000': ports.upstream,
    '127.0.0.1:8080': ports.gateway,
    '127.0.0.1:8082': ports.authz,
    ':8000': ports.clients,
  };
  const places = /127\.0\.0\.1:(?:3000|8080|8082)\b|:8000\b/g;
  for (const file of readdirSync(path.join(RECIPES, name))) {
    const text = readFileSync(path.join(RECIPES, name, file), 'utf8').replace(places, (place) => {
      replaced.add(place);
      return place.replace(/\d+$/, String(byPlace[place]));
    });
    files.set(file, text);
  }
  const missing = Object.keys(byPlace).filter((place) => !replaced.has(place));
  if (missing.length > 0) throw new Error(`the recipe ${name} has no ${missing.join(', ')}`);
  return files;
}

export interface ProxyStart {
  readonly program: string;
  readonly args: (folder: string) => readonly string[];
  /** By name, in a folder of their own, in which the program starts. */
  readonly files: ReadonlyMap<string, string>;
  readonly port: number;
}

/** Starts a program; it takes connections when this resolves. */
export async function startProxy({ program, args, files, port }: ProxyStart): Promise<RunningProxy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-proxy-'));
  for (const [name, text] of files) writeFileSync(path.join(folder, name), text);
  // A file: what is called /dev/stdout cannot be opened where it is a socket.
  const logFile = path.join(folder, 'output.log');
  const output = openSync(logFile, 'a');
  const child = spawn(program, args(folder), {
    cwd: folder,
    stdio: ['ignore', output, output],
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
  });
  closeSync(output);
  const log = () => readFileSync(logFile, 'utf8');
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  async function stop(): Promise<void> {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  }
  try {
    await until(`${program} takes connections`, () => {
      if (failure !== undefined) throw failure;
      if (isOver(child)) throw new Error(`${program} ended`);
      return takesConnections(port);
    });
  } catch (error) {
    const written = log().slice(-3000);
    await stop();
    throw new Error(`${program} did not start:\n${written}`, { cause: error });
  }
  return { port, log, stop };
}

/** A recipe on a free port. */
export async function startRecipe(
  name: string,
  program: string,
  args: (folder: string) => readonly string[],
  ports: RecipePorts,
): Promise<RunningProxy> {
  const port = await findFreePort();
  return startProxy({ program, args, port, files: recipeFiles(name, { ...ports, clients: port }) });
}

function isOver(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess): Promise<void> {
  if (isOver(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 1000);
  await exited;
  clearTimeout(timer);
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
