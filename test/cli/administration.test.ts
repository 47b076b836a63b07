import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ADMIN_TOKEN, type RunningAdmin, startAdmin, textOf, VIEWER_TOKEN } from '../admin/running-admin.ts';
import { anApiKey, anAuditRecord, apiKeyId, aTenant } from '../contract/fixtures.ts';
import { type CliEnvironment, type CliRun, runCli } from './run-cli.ts';

/** Each run of the command line is a process. */
vi.setConfig({ testTimeout: 60_000 });

const DAY = 86_400_000;
let admin: RunningAdmin;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  admin = await startAdmin({ configuredTenants: [aTenant('acme'), aTenant('globex')] });
  return () => admin.close();
});

function environment(): Readonly<Record<string, string>> {
  return { GATEHOUSE_ADMIN_URL: admin.url, GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN };
}

function cli(line: string | readonly string[], options: CliEnvironment = {}): Promise<CliRun> {
  const args = typeof line === 'string' ? line.split(' ') : line;
  return runCli(args, { ...options, env: { ...environment(), ...options.env } });
}

/** One member of each item of a list that a command prints. */
async function membersOf(line: string, list: string, member: string): Promise<readonly unknown[]> {
  const printed = (await cli(`${line} --output json`)).json() as Record<string, Record<string, unknown>[]>;
  return printed[list]?.map((item) => item[member]) ?? [];
}

function written(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe('keys import --csv', () => {
  const LEGACY = [
    'legacy-key-number-one-4711',
    'legacy, key "two" of 4711',
    'legacy-key-number-three',
  ] as const;
  const FILE = [
    'tenant,key,name,owner,scopes,roles,expires,id',
    `acme,${LEGACY[0]},ERP,Ms Ops,orders:read orders:write,clerk;night shift,2999-01-01,erp-old`,
    `globex,"legacy,key ""two"" of 4711","Shop, old",,,,,`,
    `nobody,${LEGACY[2]},x,,,,,`,
    `acme,${LEGACY[0]},again,,,,,`,
    `${LEGACY[2]},acme`,
    'acme,,no key,,,,,',
    '',
  ].join('\r\n');

  test('every line gets its report, and no key is printed anywhere', async () => {
    const run = await cli(['keys', 'import', '--csv', written('keys.csv', FILE)]);
    expect(run.code).toBe(1);
    const rows = run.stdout.trimEnd().split('\n');
    expect(rows[1]).toMatch(/^2 +imported +acme +ERP +erp-old +-$/);
    expect(rows[2]).toMatch(/^3 +imported +globex +Shop, old +\w{8} +-$/);
    expect(rows[3]).toMatch(/^4 +refused +nobody +x +- +There is no tenant nobody\.$/);
    expect(rows[4]).toMatch(/^5 +refused +acme +again +- +It has the same key as line 2\.$/);
    expect(rows[5]).toMatch(/^6 +refused +- +It has 2 cells, and the first line 8\.$/);
    expect(rows[6]).toMatch(/^7 +refused +acme +no key +- +It has no key\.$/);
    expect(rows.at(-1)).toBe('2 imported, 0 there already, 4 refused.');
    for (const key of ['legacy-key', 'legacy,key']) expect(run.stdout + run.stderr).not.toContain(key);
    expect(await admin.stores.apiKeys.findById(apiKeyId('erp-old'))).toMatchObject({
      tenant: 'acme',
      owner: 'Ms Ops',
      scopes: ['orders:read', 'orders:write'],
      roles: ['clerk', 'night shift'],
      origin: 'imported',
      expiresAt: Date.parse('2999-01-01'),
    });
  });

  test('a dry run changes nothing, and a second import finds everything there', async () => {
    const file = written('good.csv', FILE.split('\r\n').slice(0, 3).join('\n'));
    const dry = await cli(['keys', 'import', '--csv', file, '--dry-run', '--output', 'json']);
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.json()).toMatchObject({ isDryRun: true, imported: 2, present: 0, refused: 0 });
    expect(await admin.stores.apiKeys.list({ limit: 10 })).toEqual([]);
    expect(await cli(['keys', 'import', '--csv', file])).toMatchObject({ code: 0 });
    const again = await cli(['keys', 'import', '--csv', '-', '--output', 'json'], {
      stdin: readFileSync(file, 'utf8'),
    });
    expect(again).toMatchObject({ code: 0 });
    expect(again.json()).toMatchObject({
      imported: 0,
      present: 2,
      lines: [
        { line: 2, outcome: 'present', id: 'erp-old' },
        { line: 3, outcome: 'present' },
      ],
    });
  });

  test('a long file goes in batches and tells how far it is', async () => {
    const rows = Array.from({ length: 1200 }, (_, at) => `acme,legacy-key-number-${at},k${at}`);
    const run = await cli(['keys', 'import', '--csv', '-'], {
      stdin: ['tenant,key,name', ...rows].join('\n'),
    });
    expect(run.stderr).toBe('500 of 1200 keys\n1000 of 1200 keys\n1200 of 1200 keys\n');
    expect(run.stdout).toMatch(/^1200 imported, 0 there already, 0 refused\.$/m);
    expect(await admin.stores.apiKeys.list({ limit: 2000 })).toHaveLength(1200);
  });

  test.each([
    [
      'without a line of titles',
      'acme,s3cr3t-legacy-key,ERP\n',
      /^error: The first line must name the columns/,
    ],
    ['with an unknown column', 'tenant,key,name,colour\n', /must name the columns/],
    ['with a column twice', 'tenant,key,name,key\n', /must name the columns/],
    ['with a quote out of place', 'tenant,key,name\nacme,s3cr3t"x,y\n', /^error: Line 2: a quote/],
  ])('a file %s is refused whole, without repeating it', async (_name, text, message) => {
    const run = await cli(['keys', 'import', '--csv', written('bad.csv', text)]);
    expect(run).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    expect(run.stderr).not.toContain('s3cr3t');
  });

  test('what does not go together is said', async () => {
    for (const line of ['--csv x --tenant acme', '--dry-run --tenant acme --name x', '--tenant acme'])
      expect(await cli(`keys import ${line}`)).toMatchObject({ code: 2, stdout: '' });
    expect(await cli('keys import --csv nowhere.csv')).toMatchObject({
      code: 1,
      stderr: 'error: nowhere.csv cannot be read (ENOENT).\n',
    });
  });
});

test('keys list finds what was not used for long, and what ends soon', async () => {
  const longAgo = Date.now() - 100 * DAY;
  await admin.stores.apiKeys.create(anApiKey('stale', { createdAt: longAgo }));
  await admin.stores.apiKeys.create(anApiKey('used', { createdAt: longAgo, lastUsedAt: Date.now() - DAY }));
  await admin.stores.apiKeys.create(anApiKey('ending', { expiresAt: Date.now() + 10 * DAY }));
  expect(await membersOf('keys list --stale 90d', 'keys', 'id')).toEqual(['stale']);
  expect(await membersOf('keys list --expiring 30d', 'keys', 'id')).toEqual(['ending']);
  expect((await cli('keys list --stale 200d')).stdout).toBe('There are no keys.\n');
  expect(await cli('keys list --stale soon')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('unusedSince'),
  });
});

test('tenants get a limit of their own, show it, and lose it again', async () => {
  const shown = async () => /^limit +(\S+)$/m.exec((await cli('tenants show hooli')).stdout)?.[1];
  await cli('tenants create hooli --request-limit 600/min');
  expect(await shown()).toBe('600/min');
  expect(await cli('tenants update hooli --request-limit 5/s')).toMatchObject({ code: 0 });
  expect(await shown()).toBe('5/s');
  expect(await cli('tenants update hooli --request-limit often')).toMatchObject({ code: 1 });
  expect(await cli('tenants update hooli --request-limit none')).toMatchObject({ code: 0 });
  expect(await shown()).toBeUndefined();
});

test('a creation that is tried again makes no second key, and a condition guards a change', async () => {
  const create = 'keys create --tenant acme --name ERP --idempotency-key deploy-1 --output json';
  const id = textOf((await cli(create)).json(), 'id');
  expect(await cli(create)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(id) });
  const etag = textOf((await cli(`keys show ${id} --output json`)).json(), 'etag');
  expect(await cli(['keys', 'rotate', id, '--overlap', '1h', '--if-match', etag])).toMatchObject({ code: 0 });
  expect(await cli(['keys', 'revoke', id, '--if-match', etag])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('changed meanwhile'),
  });
  await cli('tenants create umbrella');
  const first = /^etag +(\S+)$/m.exec((await cli('tenants show umbrella')).stdout)?.[1] ?? '';
  expect(await cli(['tenants', 'update', 'umbrella', '--name', 'U', '--if-match', first])).toMatchObject({
    code: 0,
  });
  for (const verb of ['suspend', 'delete'])
    expect(await cli(['tenants', verb, 'umbrella', '--if-match', first])).toMatchObject({ code: 1 });
});

test('a token of too small a role is told which one it takes', async () => {
  expect(await cli('tenants suspend acme', { env: { GATEHOUSE_ADMIN_TOKEN: VIEWER_TOKEN } })).toMatchObject({
    code: 1,
    stderr: 'error: This needs a token of the role operator; yours is viewer.\n',
  });
});

describe('audit', () => {
  test('records of one tenant, of one code, and of both', async () => {
    await admin.stores.audit.append(
      ['acme', 'globex'].flatMap((tenant) =>
        ['credential_invalid', 'keys.create'].map((code) =>
          anAuditRecord(`${tenant}-${code}`, { tenant, code }),
        ),
      ),
    );
    expect(await membersOf('audit --tenant acme', 'records', 'decisionId')).toEqual([
      'acme-credential_invalid',
      'acme-keys.create',
    ]);
    expect(await membersOf('audit --code keys.create --tenant globex', 'records', 'decisionId')).toEqual([
      'globex-keys.create',
    ]);
  });

  test.each([
    ['text', /keys\.create {2}.*tenant:acme/],
    ['json', /^\{"sequence":\d+,.*"tenant":"acme"/],
  ])(
    'tail shows what comes, as %s and one to a line, until ^C, which is no failure',
    async (output, pattern) => {
      await admin.stores.audit.append([
        anAuditRecord('before', { tenant: 'acme', code: 'keys.create' }),
        anAuditRecord('of-another', { tenant: 'globex', code: 'keys.create' }),
      ]);
      const script = fileURLToPath(new URL('gatehouse.ts', import.meta.url));
      const child = spawn(
        process.execPath,
        [script, 'audit', 'tail', '--tenant', 'acme', '--code', 'keys.create', '--output', output],
        { env: { PATH: process.env['PATH'], ...environment() }, stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const lines: string[] = [];
      createInterface(child.stdout).on('line', (line) => lines.push(line));
      await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 20_000 });
      await admin.stores.audit.append([
        anAuditRecord('after-of-another', { tenant: 'globex', code: 'keys.create' }),
        anAuditRecord('after', { tenant: 'acme', code: 'keys.create', reason: 'a\nb' }),
      ]);
      await vi.waitFor(() => expect(lines).toHaveLength(2), { timeout: 20_000 });
      for (const line of lines) expect(line).toMatch(pattern);
      expect(lines.map((line) => /before|after/.exec(line)?.[0])).toEqual(['before', 'after']);
      child.kill('SIGINT');
      expect(await once(child, 'close')).toEqual([0, null]);
    },
  );
});

describe('backup and restore', () => {
  test('a backup is a file for its owner alone, whole or not at all', async () => {
    await admin.stores.apiKeys.create(anApiKey('key'));
    const file = path.join(folder, 'backup.jsonl');
    expect(await cli(['backup', file])).toMatchObject({ code: 0, stdout: `1 records are in ${file}.\n` });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^\{"kind":"gatehouse-backup","version":2,/);
    const before = readdirSync(folder);
    expect(
      await cli(['backup', path.join(folder, 'other')], { env: { GATEHOUSE_ADMIN_TOKEN: VIEWER_TOKEN } }),
    ).toMatchObject({ code: 1 });
    expect(readdirSync(folder)).toEqual(before);
  });

  test('a damaged file is refused before it is sent', async () => {
    const file = path.join(folder, 'damaged.jsonl');
    await cli(['backup', file]);
    writeFileSync(file, readFileSync(file, 'utf8').replace('0.1.0', '0.1.1'));
    const run = await cli(['restore', file], { env: { GATEHOUSE_ADMIN_URL: 'http://127.0.0.1:9' } });
    expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining('checksum does not fit') });
  });
});

test('status shows the replicas and which encryption keys are needed', async () => {
  const { stdout } = await cli('status');
  expect(stdout).toMatch(/^host:1 \(this one\) +0\.1\.0 +r1 .* 0 ms$/m);
  expect(stdout).toMatch(/^k2027 +3 secrets +seals and opens$/m);
  expect(stdout).toMatch(/^k2026 +0 secrets +may be taken away once older sessions have ended$/m);
});
