import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sha256Digest } from '../../src/api-keys/api-key-format.ts';
import { ADMIN_TOKEN, type RunningAdmin, startAdmin, textOf } from '../admin/running-admin.ts';
import { anApiKey, aSigningKey, aTenant, NOW } from '../contract/fixtures.ts';
import { type CliEnvironment, type CliRun, runCli } from './run-cli.ts';

/** Each run of the command line is a process. */
vi.setConfig({ testTimeout: 60_000 });

let admin: RunningAdmin;
let folder: string;
let isReloadRefused = false;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-cli-'));
  admin = await startAdmin({
    configuredTenants: [aTenant('acme', { hosts: ['acme.example.com'] })],
    configuredKeys: [anApiKey('from-file', { origin: 'configured' })],
    reload: async () =>
      isReloadRefused
        ? {
            outcome: 'refused',
            revision: 'r1',
            errors: ['gatehouse.yaml:3:1 rutes: found rutes, expected routes'],
          }
        : { outcome: 'reloaded', revision: 'r2' },
    rotate: async (purpose) => (purpose === 'assertion:ES256' ? { kind: 'rotated' } : { kind: 'absent' }),
  });
  const ring = {
    purpose: 'assertion:ES256',
    current: aSigningKey('k1'),
    next: aSigningKey('k2'),
    rotatedAt: NOW,
    revision: 1,
  };
  await admin.stores.keyring.save(ring, 0);
});
afterAll(async () => {
  await admin.close();
  rmSync(folder, { recursive: true });
});

function cli(line: string | readonly string[], options: CliEnvironment = {}): Promise<CliRun> {
  const args = typeof line === 'string' ? line.split(' ') : line;
  return runCli(args, {
    ...options,
    env: { GATEHOUSE_ADMIN_URL: admin.url, GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN, ...options.env },
  });
}

async function createKey(): Promise<string> {
  return textOf((await cli('keys create --tenant acme --name ERP --output json')).json(), 'id');
}

describe('keys', () => {
  test('a created key is printed once, and works as stored', async () => {
    const created = await cli(
      'keys create --tenant acme --name ERP --owner Ops --scope a:read --scope a:write --role clerk --expires 90d',
    );
    expect(created).toMatchObject({ code: 0, stderr: '' });
    const key = /ghk_\S+/.exec(created.stdout)?.[0] ?? '';
    const stored = await admin.stores.apiKeys.findByDigest(sha256Digest(key));
    expect(stored).toMatchObject({
      tenant: 'acme',
      name: 'ERP',
      owner: 'Ops',
      scopes: ['a:read', 'a:write'],
      roles: ['clerk'],
    });
    expect((stored?.expiresAt ?? 0) - Date.now()).toBeGreaterThan(89 * 86_400_000);
    const shown = await cli(['keys', 'show', stored?.id ?? '']);
    expect(shown.stdout).toMatch(/^scopes +a:read a:write$/m);
    expect(shown.stdout).not.toContain(key);
  });

  test('rotate prints the successor and until when the old key is accepted', async () => {
    const id = await createKey();
    const rotated = await cli(`keys rotate ${id} --overlap 7d`);
    expect(rotated.code).toBe(0);
    expect(rotated.stdout).toMatch(
      new RegExp(`ghk_\\S+\\n\\nThe old key ${id} is accepted until \\d{4}-\\d{2}-\\d{2} `),
    );
    const again = await cli(`keys rotate ${id} --overlap 7d`);
    expect(again).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('was rotated already'),
    });
  });

  test('revoke refuses the key from now on', async () => {
    const id = await createKey();
    expect(await cli(['keys', 'revoke', id, '--reason', 'leaked in a ticket'])).toMatchObject({
      code: 0,
      stdout: `Key ${id} is revoked.\n`,
    });
    const other = await createKey();
    expect(await cli(`revoke --key ${other}`)).toMatchObject({ code: 0 });
    const entries = await admin.stores.revocations.list(Date.now());
    expect(entries).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ target: { kind: 'key', id }, reason: 'leaked in a ticket' }),
        expect.objectContaining({ target: { kind: 'key', id: other } }),
      ]),
    );
  });

  test('a legacy key is read from a file or from standard input, never from the command line', async () => {
    const file = path.join(folder, 'legacy');
    writeFileSync(file, 'legacy-key-in-a-file\n');
    const fromFile = await cli([
      'keys',
      'import',
      '--tenant',
      'acme',
      '--name',
      'old',
      '--id',
      'old-1',
      '--key-file',
      file,
    ]);
    expect(fromFile).toMatchObject({
      code: 0,
      stdout: 'Key old-1 of tenant acme is accepted from now on.\n',
      stderr: '',
    });
    const fromInput = await cli('keys import --tenant acme --name old --id old-2', { stdin: 'short\r\n' });
    expect(fromInput).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('warning: The key has only 5 characters'),
    });
    const twice = await cli('keys import --tenant acme --name old', { stdin: 'legacy-key-in-a-file' });
    expect(twice).toMatchObject({ code: 1, stdout: '' });
    expect(twice.stderr).not.toContain('legacy-key-in-a-file');
    expect(await cli('keys import --tenant acme --name old --key s3cr3t')).toMatchObject({ code: 2 });
    expect(await cli('keys import --tenant acme --name old')).toMatchObject({
      code: 2,
      stderr: 'error: Nothing was given.\n',
    });
  });

  test('list shows all pages as an aligned table without colour, or as JSON', async () => {
    await Promise.all(
      Array.from({ length: 1200 }, (_, at) =>
        admin.stores.apiKeys.create(anApiKey(`bulk-${at}`, { tenant: aTenant('bulk').id })),
      ),
    );
    const listed = await cli('keys list --tenant bulk');
    const lines = listed.stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(1201);
    expect(lines[0]).toMatch(/^ID +TENANT +NAME +STATE +EXPIRES +LAST USED +OWNER$/);
    expect(new Set(lines.map((line) => line.search(/ {2}(bulk |TENANT)/))).size).toBe(1);
    expect(listed.stdout).not.toContain('\u001b');
    const json = (await cli('keys list --tenant bulk --output json')).json();
    expect(json).toMatchObject({
      keys: expect.arrayContaining([expect.objectContaining({ id: 'bulk-1199' })]),
    });
    expect(await cli('keys list --tenant nobody')).toMatchObject({ code: 0, stdout: 'There are no keys.\n' });
  });
});

describe('tenants', () => {
  test('a tenant is created, changed, suspended, resumed and deleted', async () => {
    expect(await cli('tenants create globex --host globex.example.com')).toMatchObject({
      code: 0,
      stdout: 'Tenant globex is active.\n',
    });
    expect((await cli('tenants update globex --name Globex --issuer acme-login')).stdout).toMatch(
      /^hosts +globex.example.com$/m,
    );
    expect(await cli('tenants suspend globex --reason unpaid')).toMatchObject({
      code: 0,
      stdout: 'Tenant globex is suspended.\n',
    });
    expect((await cli('tenants list')).stdout).toMatch(
      /^globex +Globex +suspended +stored +globex.example.com +acme-login$/m,
    );
    expect(await cli('tenants resume globex')).toMatchObject({ code: 0 });
    expect((await cli('tenants show globex')).stdout).toMatch(/^status +active$/m);
    expect(await cli('tenants delete globex')).toMatchObject({
      code: 0,
      stdout: 'Tenant globex and its keys are deleted.\n',
    });
    expect(await cli('tenants show globex')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'error: There is no tenant globex.\n',
    });
    expect(await cli('tenants update acme')).toMatchObject({ code: 2 });
  });

  test('a tenant of the configuration can be suspended in an emergency', async () => {
    expect(await cli('tenants suspend acme')).toMatchObject({
      code: 0,
      stdout: 'Tenant acme is suspended.\n',
    });
    expect(await cli('tenants resume acme')).toMatchObject({ code: 0, stdout: 'Tenant acme is active.\n' });
    expect(await cli('tenants delete acme')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('configuration file'),
    });
  });
});

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function jwt(claims: object): string {
  return `${encode({ alg: 'ES256' })}.${encode(claims)}.c2lnbmF0dXJl`;
}

describe('revoke', () => {
  test.each([
    ['--subject user:acme-login:4711', 'subject:user%3Aacme-login%3A4711'],
    ['--client client:acme-login:erp', 'client:client%3Aacme-login%3Aerp'],
    ['--tenant acme', 'tenant:acme'],
    ['--token j-1 --issuer acme-login', 'token:acme-login:j-1'],
  ])('%s', async (options, id) => {
    expect(await cli(`revoke ${options} --issued-before now`)).toMatchObject({
      code: 0,
      stdout: `Revoked: ${id}\n`,
    });
    expect((await cli('revocations list')).stdout).toMatch(new RegExp(`^${id} .* until \\d{4}-`, 'm'));
    expect(await cli(['revocations', 'remove', id])).toMatchObject({ code: 0 });
    expect((await cli('revocations list')).stdout).not.toContain(id);
  });

  test('a token in a file is revoked by issuer and jti, for as long as it would have lived, and never sent', async () => {
    const file = path.join(folder, 'token');
    const token = jwt({ iss: 'https://login.acme.example', jti: 'j-2', exp: 2_000_000_000 });
    writeFileSync(file, `${token}\n`);
    expect(await cli(['revoke', '--token', file])).toMatchObject({
      code: 0,
      stdout: 'Revoked: token:acme-login:j-2\n',
    });
    const entries = await admin.stores.revocations.list(Date.now());
    expect(entries.find(({ target }) => target.kind === 'token')?.expiresAt).toBe(2_000_086_400_000);
    expect(admin.logged()).not.toContain(token);
  });

  test('a token without jti is revoked by SHA-256 of header and payload, from standard input too', async () => {
    const token = jwt({ iss: 'https://login.acme.example' });
    const digest = sha256Digest(token.slice(0, token.lastIndexOf('.'))).hex;
    expect(await cli('revoke --token -', { stdin: token })).toMatchObject({
      code: 0,
      stdout: `Revoked: token-digest:${digest}\n`,
    });
  });

  test('what would revoke nothing or is not clear is refused', async () => {
    expect(await cli('revoke --reason x')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Name one of'),
    });
    expect(await cli('revoke --tenant acme --subject user:acme-login:1')).toMatchObject({ code: 2 });
    expect(await cli('revoke --tenant acne')).toMatchObject({
      code: 1,
      stderr: 'error: There is no tenant acne.\n',
    });
    const opaque = await cli('revoke --token -', { stdin: 'opaque-s3cr3t' });
    expect(opaque).toMatchObject({ code: 1, stderr: expect.stringContaining('no JWT') });
    expect(opaque.stderr).not.toContain('s3cr3t');
  });
});

describe('operations', () => {
  test('keyring, status and audit are shown', async () => {
    expect((await cli('keyring list')).stdout).toMatch(/^assertion:ES256 +- +k1 +k2 /m);
    expect(await cli('keyring rotate assertion:ES256')).toMatchObject({ code: 0 });
    expect(await cli('keyring rotate nothing')).toMatchObject({
      code: 1,
      stderr: 'error: There is no keyring nothing.\n',
    });
    expect((await cli('status')).stdout).toMatch(
      /^configuration +gatehouse.yaml\nrevision +r1, loaded .*\n\[\+\] store$/m,
    );
    expect((await cli('audit --limit 5')).stdout).toMatch(/admin:alice/);
  });

  test('a reload that is refused fails with every error of the file', async () => {
    expect(await cli('reload')).toMatchObject({ code: 0, stdout: 'Configuration reloaded; revision r2.\n' });
    isReloadRefused = true;
    expect(await cli('reload')).toMatchObject({
      code: 1,
      stdout: '',
      stderr:
        'error: The file is not valid; revision r1 goes on serving.\n  gatehouse.yaml:3:1 rutes: found rutes, expected routes\n',
    });
  });

  test('what a client sent cannot move the cursor of the terminal', async () => {
    await admin.stores.audit.append([
      {
        at: NOW,
        decisionId: 'evil',
        event: 'request',
        decision: 'denied',
        code: 'x',
        reason: 'a\u001b[2Jb\nc\u202e',
      },
    ]);
    const { stdout } = await cli('audit --decision evil');
    expect(stdout).toContain('a\\u{1b}[2Jb\\u{a}c\\u{202e}');
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });
});

describe('how it is called', () => {
  test.each([
    ['an unknown command', 'keys craete', /unknown command|too many arguments/],
    ['an unknown option', 'status --colour', /unknown option '--colour'/],
    ['a missing option', 'keys create --tenant acme', /required option '--name <text>'/],
    ['a missing argument', 'keys show', /missing required argument 'id'/],
    ['an unknown format', 'status --output yaml', /Allowed choices are text, json/],
    ['an address that is none', 'status --admin localhost', /--admin must be an http/],
  ])('%s exits with 2 and says so', async (_name, line, message) => {
    expect(await cli(line)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });

  test('help and version exit with 0', async () => {
    expect(await cli('--version')).toMatchObject({ code: 0, stdout: '1.2.3\n' });
    expect(await cli('keys --help')).toMatchObject({ code: 0, stdout: expect.stringContaining('rotate') });
  });

  test('a wrong token, a closed port, another server, and a redirect are one sentence each, and no token is in it', async () => {
    const asked: (string | undefined)[] = [];
    const other = createServer((request, response) => {
      asked.push(request.url);
      response.writeHead(request.url === '/v1/status' ? 404 : 302, { location: '/elsewhere' }).end('<html>');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const otherUrl = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const runs = [
      await cli('status', { env: { GATEHOUSE_ADMIN_TOKEN: `${ADMIN_TOKEN}x` } }),
      await cli('status', { env: { GATEHOUSE_ADMIN_URL: otherUrl } }),
      await cli('keys list', { env: { GATEHOUSE_ADMIN_URL: otherUrl } }),
    ];
    other.close();
    runs.push(await cli('status', { env: { GATEHOUSE_ADMIN_URL: otherUrl } }));
    for (const { code, stdout, stderr } of runs) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^error: [^\n]+\.\n$/);
      expect(stderr).not.toContain(ADMIN_TOKEN);
    }
    expect(runs.at(-1)?.stderr).toContain('ECONNREFUSED');
    expect(asked).toEqual(['/v1/status', expect.stringMatching(/^\/v1\/keys\?/)]);
  });

  test('the token comes from the file of the option, else of the environment, else beside the default store', async () => {
    const good = path.join(folder, 'good');
    const bad = path.join(folder, 'bad');
    writeFileSync(good, `${ADMIN_TOKEN}\n`);
    writeFileSync(bad, 'wrong\n');
    mkdirSync(path.join(folder, 'data'));
    writeFileSync(path.join(folder, 'data', 'admin-token'), `${ADMIN_TOKEN}\n`);
    const env = { GATEHOUSE_ADMIN_TOKEN: '' };
    expect(
      (await cli(['status', '--admin-token-file', good], { env: { GATEHOUSE_ADMIN_TOKEN: 'wrong' } })).code,
    ).toBe(0);
    expect((await cli('status', { env: { ...env, GATEHOUSE_ADMIN_TOKEN_FILE: good } })).code).toBe(0);
    expect((await cli('status', { env: { ...env, GATEHOUSE_ADMIN_TOKEN_FILE: bad } })).code).toBe(1);
    expect((await cli('status', { env, cwd: folder })).code).toBe(0);
    const none = await cli('status', { env, cwd: tmpdir() });
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('./data/admin-token (ENOENT)') });
  });
});
