import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ADMIN_TOKEN, type RunningAdmin, startAdmin, textOf } from '../admin/running-admin.ts';
import { aClient, aTenant, clientId } from '../contract/fixtures.ts';
import { type CliRun, runCli } from './run-cli.ts';

/** Each run of the command line is a process. */
vi.setConfig({ testTimeout: 60_000 });

let admin: RunningAdmin;
beforeAll(async () => {
  admin = await startAdmin({
    configuredTenants: [aTenant('acme'), aTenant('globex')],
    configuredClients: [aClient('in-file', { origin: 'configured', createdAt: 0, revision: 0 })],
  });
});
afterAll(() => admin.close());

function cli(line: string): Promise<CliRun> {
  return runCli(line.split(' '), {
    env: { GATEHOUSE_ADMIN_URL: admin.url, GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN },
  });
}

const SECRET = /ghc_[0-9A-Za-z]{43}/;

test('a client is created, shown, changed, given another secret and removed; each secret is printed once', async () => {
  const created = await cli(
    'clients create worker --name Worker --grant client_credentials --scope a --scope b --tenant acme --tenant globex',
  );
  expect(created).toMatchObject({ code: 0, stdout: expect.stringContaining('Secret of client worker') });
  const first = SECRET.exec(created.stdout)?.[0] ?? '';
  const shown = await cli('clients show worker');
  expect(shown.stdout).toMatch(/^kind +confidential$/m);
  expect(shown.stdout).toMatch(/^scopes +a b$/m);
  expect(shown.stdout).toMatch(/^tenants +acme, globex$/m);
  expect(shown.stdout).toMatch(/^secrets +one$/m);
  const etag = /^etag +(".+")$/m.exec(shown.stdout)?.[1] ?? '';

  const updated = await cli(`clients update worker --scope c --any-tenant --if-match ${etag}`);
  expect(updated.stdout).toMatch(/^scopes +c$/m);
  expect(updated.stdout).toMatch(/^tenants +any$/m);
  expect(await cli(`clients update worker --name Late --if-match ${etag}`)).toMatchObject({ code: 1 });

  const rotated = await cli('clients secret worker --overlap 7d');
  expect(rotated.stdout).toMatch(/The old secret is accepted until \d{4}-\d\d-\d\d \d\d:\d\dZ\./);
  const second = SECRET.exec(rotated.stdout)?.[0] ?? '';
  expect(second).not.toBe(first);
  const swapped = await cli('clients secret worker --overlap 0s --output json');
  expect(textOf(swapped.json(), 'secret')).toMatch(SECRET);
  expect((await cli('clients secret worker --overlap 0s')).stdout).toContain(
    'The old secret is not accepted any more.',
  );

  const list = await cli('clients list');
  const rows = list.stdout.trimEnd().split('\n');
  expect(rows[1]).toMatch(/^in-file +Client in-file +confidential +configured +client_credentials +acme +-$/);
  expect(rows[2]).toMatch(/^worker +Worker +confidential +stored +client_credentials +any +-$/);
  expect(list.stdout + shown.stdout).not.toMatch(SECRET);

  expect((await cli('clients remove worker')).stdout).toBe('Client worker is removed.\n');
  expect(await admin.stores.clients.find(clientId('worker'))).toBeUndefined();
});

test('a public client has no secret, and loses login and browser sessions when that is said', async () => {
  const created = await cli(
    'clients create app --public --any-tenant --login main --browser-session --web-origin https://app.example.com --access-tokens jwt',
  );
  expect(created).toMatchObject({ code: 0, stdout: 'Client app is public: it has no secret.\n' });
  expect(await admin.stores.clients.find(clientId('app'))).toMatchObject({
    isPublic: true,
    tenants: 'any',
    login: 'main',
    browserSession: true,
    origins: ['https://app.example.com'],
    accessTokenFormat: 'jwt',
  });
  const changed = await cli('clients update app --without-login --without-browser-session --output json');
  expect(changed.json()).toMatchObject({ browserSession: false });
  expect(changed.json()).not.toHaveProperty('login');
});

test('a secret for the configuration file is made without a gateway, with its digest', async () => {
  const run = await runCli(['clients', 'secret', '--new', '--output', 'json']);
  const secret = textOf(run.json(), 'secret');
  expect(secret).toMatch(SECRET);
  const digest = createHash('sha256').update(secret).digest('hex');
  expect(textOf(run.json(), 'secretDigest')).toBe(`sha256:${digest}`);
  const text = await runCli(['clients', 'secret', '--new']);
  expect(text.stdout).toMatch(/^ {2}secretDigest: sha256:[0-9a-f]{64}$/m);
  expect(text.stdout).not.toContain(secret);
});

test.each([
  ['clients secret --new worker', 'it takes no id'],
  ['clients secret', 'Name a client and --overlap, or --new.'],
  ['clients secret in-file', 'Name a client and --overlap, or --new.'],
  ['clients update in-file', 'Name what is to change'],
  ['clients create x --tenant acme --any-tenant', 'cannot be used with'],
])('%s is a wrong call', async (line, message) => {
  expect(await cli(line)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) });
});

test('a client of the configuration is changed there alone', async () => {
  const run = await cli('clients secret in-file --overlap 1h');
  expect(run).toMatchObject({ code: 1, stdout: '' });
  expect(run.stderr).toContain('The client in-file is in the configuration file: change it there.');
});
