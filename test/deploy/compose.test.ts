import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { missingTools, pathOf } from '../support/helm-chart.ts';

const root = path.resolve(import.meta.dirname, '../..');
const deploy = path.join(root, 'deploy');
const tools = await prepareDeploymentTools();
const noSchema = missingTools(tools, ['compose']);

interface Service {
  readonly ports?: readonly string[];
  readonly networks: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly command?: readonly string[];
  readonly user: string;
  readonly healthcheck: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
}

interface ComposeFile {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
}

const compose = parse(readFileSync(path.join(deploy, 'compose.yaml'), 'utf8')) as ComposeFile;
const services = Object.entries(compose.services);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-compose-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function makeSecrets(): void {
  const { status, stderr } = spawnSync(path.join(deploy, 'compose/make-secrets.sh'), [folder], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
}

describe.skipIf(noSchema !== '')(`by the schema of the Compose Specification ${noSchema}`, () => {
  const schema = noSchema === '' ? (JSON.parse(readFileSync(pathOf(tools.compose), 'utf8')) as object) : {};
  const isValid = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);

  test('compose.yaml is valid', () => {
    isValid(compose);
    expect(isValid.errors ?? []).toEqual([]);
  });

  test('a key that Compose does not know is seen', () => {
    const { gatehouse } = compose.services;
    expect(isValid({ ...compose, services: { gatehouse: { ...gatehouse, readonly: true } } })).toBe(false);
  });
});

test.each(services)(
  '%s cannot write to its image, gain a privilege, or be root, and is probed',
  (_, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      restart: 'unless-stopped',
    });
    expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(service.healthcheck.test.length).toBeGreaterThan(1);
  },
);

test('only the gateway is reached from outside, from this machine', () => {
  expect(services.filter(([, { ports }]) => ports !== undefined).map(([name]) => name)).toEqual([
    'gatehouse',
  ]);
  expect(compose.services['gatehouse']?.ports).toEqual(['127.0.0.1:8080:8080']);
  for (const [name, { networks }] of services)
    for (const network of networks)
      expect(`${name} ${network} ${compose.networks[network]?.internal === true}`).toBe(
        `${name} ${network} ${network !== 'edge'}`,
      );
});

test('Redis keeps what it acknowledged and evicts nothing', () => {
  const [, , command = ''] = compose.services['redis']?.command ?? [];
  for (const option of [
    '--appendonly yes',
    '--appendfsync always',
    '--maxmemory-policy noeviction',
    '--requirepass',
  ])
    expect(command).toContain(option);
});

test('every secret is a file that make-secrets.sh makes, and leaves as it is when there is one', () => {
  writeFileSync(path.join(folder, 'admin-token'), 'mine');
  makeSecrets();
  makeSecrets();
  expect(readFileSync(path.join(folder, 'admin-token'), 'utf8')).toBe('mine');
  for (const [name, { file }] of Object.entries(compose.secrets)) {
    expect(file).toBe(`./compose/secrets/${name}`);
    expect(existsSync(path.join(folder, name)), name).toBe(true);
  }
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  const key = readFileSync(path.join(folder, 'encryption-key'), 'utf8');
  expect(key).toMatch(/^[0-9a-f]{64}\n$/);
  expect(key).not.toContain(readFileSync(path.join(folder, 'redis-password'), 'utf8').trim());
  for (const [, { environment = {} }] of services)
    for (const value of Object.values(environment)) expect(value).toMatch(/^\/run\/secrets\//);
  for (const [name, { secrets = [] }] of services)
    expect(
      secrets.filter((secret) => compose.secrets[secret] === undefined),
      name,
    ).toEqual([]);
});

test('the configuration loads with these secrets, and names no other', () => {
  makeSecrets();
  const text = readFileSync(path.join(deploy, 'compose/configuration/gatehouse.yaml'), 'utf8');
  const named = [...text.matchAll(/file:\/run\/secrets\/([\w-]+)/g)].map(([, name = '']) => name);
  expect(compose.services['gatehouse']?.secrets).toEqual(expect.arrayContaining(named));
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(file, text.replaceAll('/run/secrets/', `${folder}/`));
  const loaded = loadConfig(file, { env: {} });
  expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([]);
  if (loaded.ok)
    expect(compose.services['gatehouse']?.stop_grace_period).toBe(
      `${loaded.settings.shutdown.drain / 1000 + 15}s`,
    );
});

test('the legacy API runs from what its image has: its folder, and the ws that the repository has', async () => {
  const dockerfile = readFileSync(path.join(deploy, 'compose/orders.Dockerfile'), 'utf8');
  const { devDependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  expect(dockerfile).toContain(` ws@${devDependencies['ws']}\n`);
  expect(dockerfile).toContain('COPY demo/legacy-api ./legacy-api\n');
  cpSync(path.join(root, 'demo/legacy-api'), path.join(folder, 'legacy-api'), { recursive: true });
  cpSync(path.join(root, 'node_modules/ws'), path.join(folder, 'node_modules/ws'), { recursive: true });
  const [, command = '[]'] = /^CMD (.*)$/m.exec(dockerfile) ?? [];
  const [, ...args] = JSON.parse(command) as readonly string[];
  const child = spawn(
    process.execPath,
    args.map((arg) => (arg === '3000' ? '0' : arg)),
    { cwd: folder },
  );
  try {
    const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
    const [, port = ''] = /:(\d+)\n/.exec(line) ?? [];
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }
});
