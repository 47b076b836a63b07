import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import type { DeploymentTools, Tool } from './deployment-tools.ts';
import { type KubernetesObject, type Members, objectsIn } from './kubernetes-objects.ts';

const root = path.resolve(import.meta.dirname, '../..');
export const CHART = path.join(root, 'helm/gatehouse');

/** `ci/FEATURE-values.yaml`, by feature. */
export function features(): readonly string[] {
  return globSync('ci/*-values.yaml', { cwd: CHART })
    .map((file) => path.basename(file, '-values.yaml'))
    .sort();
}

export function valuesOf(feature: string): string {
  return path.join(CHART, 'ci', `${feature}-values.yaml`);
}

/** For the titles of what is skipped; says so on standard error too. Empty: nothing is missing. */
export function missingTools(tools: DeploymentTools, names: readonly (keyof DeploymentTools)[]): string {
  const why = names.flatMap((name) => {
    const tool = tools[name];
    return tool.kind === 'missing' ? [`${name} ${tool.why}`] : [];
  });
  if (why.length > 0) process.stderr.write(`SKIPPED: tests of the Helm chart: ${why.join('; ')}\n`);
  return why.join('; ');
}

export function pathOf(tool: Tool): string {
  if (tool.kind === 'missing') throw new Error(tool.why);
  return tool.path;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program, to its end; at most 60 s. */
export function runTool(tool: Tool, args: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(pathOf(tool), args, {
    encoding: 'utf8',
    timeout: 60_000,
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout, stderr };
}

/** Release `gw` in namespace `edge`. `values`: those of a feature, on top of them members of its own. */
export function template(helm: Tool, feature: string | undefined, members: Members = {}): Ended {
  return withFile(stringify(members), (file) =>
    runTool(helm, [
      'template',
      'gw',
      CHART,
      '--namespace=edge',
      ...(feature === undefined ? [] : ['--values', valuesOf(feature)]),
      '--values',
      file,
    ]),
  );
}

const rendered = new Map<string, readonly KubernetesObject[]>();

/** Throws with what helm says when it does not render. */
export function render(helm: Tool, feature?: string, members: Members = {}): readonly KubernetesObject[] {
  const key = `${feature} ${JSON.stringify(members)}`;
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const { status, stdout, stderr } = template(helm, feature, members);
  if (status !== 0) throw new Error(stderr);
  const objects = objectsIn(stdout);
  rendered.set(key, objects);
  return objects;
}

export function notes(helm: Tool, feature: string): string {
  const { status, stdout, stderr } = runTool(helm, [
    'install',
    'gw',
    CHART,
    '--namespace=edge',
    '--dry-run=client',
    '--values',
    valuesOf(feature),
  ]);
  if (status !== 0) throw new Error(stderr);
  return stdout.slice(stdout.indexOf('\nNOTES:\n'));
}

export function example(name: string): readonly KubernetesObject[] {
  return objectsIn(readFileSync(path.join(CHART, 'examples', `${name}.yaml`), 'utf8'));
}

/** Calls with the path of a file with this text, which is gone afterwards. */
export function withFile<T>(text: string, use: (file: string) => T): T {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-helm-'));
  try {
    const file = path.join(folder, 'file.yaml');
    writeFileSync(file, text);
    return use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
