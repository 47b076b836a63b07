import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';
import type { HelmTools, Tool } from './helm-tools.ts';

const root = path.resolve(import.meta.dirname, '../..');
export const CHART = path.join(root, 'helm/gatehouse');

export type Members = Readonly<Record<string, unknown>>;

/** An object of Kubernetes, as far as tests look into each. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: never;
  readonly data: Readonly<Record<string, string>>;
}

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
export function missingTools(tools: HelmTools, names: readonly (keyof HelmTools)[]): string {
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

/** Throws with what helm says when it does not render. */
export function render(helm: Tool, feature?: string, members: Members = {}): readonly KubernetesObject[] {
  const { status, stdout, stderr } = template(helm, feature, members);
  if (status !== 0) throw new Error(stderr);
  return objectsIn(stdout);
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

export function objectsIn(text: string): readonly KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const object = document.toJS() as KubernetesObject | null;
    return object === null ? [] : [object];
  });
}

export function example(name: string): readonly KubernetesObject[] {
  return objectsIn(readFileSync(path.join(CHART, 'examples', `${name}.yaml`), 'utf8'));
}

/** The one object of this kind (and name). */
export function only(objects: readonly KubernetesObject[], kind: string, name?: string): KubernetesObject {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  const [object] = found;
  if (object === undefined || found.length > 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return object;
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
