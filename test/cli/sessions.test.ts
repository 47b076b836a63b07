import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Session } from '../../src/sessions/session.ts';
import { ADMIN_TOKEN, type RunningAdmin, startAdmin } from '../admin/running-admin.ts';
import { aSession, aTenant, MINUTE, tenantId } from '../contract/fixtures.ts';
import { type CliRun, runCli } from './run-cli.ts';

/** Each run of the command line is a process. */
vi.setConfig({ testTimeout: 60_000 });

const ALICE = { subject: 'user:main:acme:17', user: { id: '17', name: 'Alice' }, client: 'client:web-app' };
const GLOBEX = { tenant: tenantId('globex'), tenants: [tenantId('globex')] } as const;

let admin: RunningAdmin;
beforeAll(async () => {
  admin = await startAdmin({ configuredTenants: [aTenant('acme'), aTenant('globex')] });
});
afterAll(() => admin.close());
beforeEach(async () => {
  for (const { id } of await admin.stores.sessions.list({ limit: 100 })) await admin.stores.sessions.end(id);
  // What earlier tests took back was issued before.
  admin.travel(MINUTE);
  await begin('0000000000000001', ALICE);
  await begin('0000000000000002', { ...ALICE, kind: 'token', client: 'client:cli' });
  await begin('0000000000000003', { ...GLOBEX, subject: 'user:main:globex:4', user: { id: '4\u001B[2J' } });
});

async function begin(id: string, members: Partial<Session>): Promise<void> {
  const authenticatedAt = admin.now();
  const times = { authenticatedAt, absoluteEnd: authenticatedAt + 60 * MINUTE };
  await admin.stores.sessions.create(aSession(id, { ...times, ...members }), undefined);
}

function cli(line: string): Promise<CliRun> {
  return runCli(line.split(' '), {
    env: { GATEHOUSE_ADMIN_URL: admin.url, GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN },
  });
}

async function open(): Promise<readonly string[]> {
  return (await admin.stores.sessions.list({ limit: 100 })).map(({ id }) => id.slice(-1));
}

test('list shows sessions as a table, filtered, and nothing of a user moves the cursor', async () => {
  const all = await cli('sessions list');
  const rows = all.stdout.trimEnd().split('\n');
  expect(rows[0]).toMatch(/^ID +KIND +USER +TENANT +CLIENT +PEER +LOGIN AT +EXPIRES +REFRESHABLE +SUBJECT$/);
  expect(rows[1]).toMatch(
    /^0{15}1 +browser +Alice +acme +client:web-app +192\.0\.2\.1 .* user:main:acme:17$/,
  );
  expect(rows[2]).toMatch(/^0{15}2 +token +Alice +acme +client:cli /);
  expect(rows[3]).toMatch(/^0{15}3 +browser +4\\u\{1b\}\[2J +globex +- /);
  expect(all.stdout).not.toContain('\u001B');
  for (const [filter, ids] of [
    ['--subject user:main:acme:17', ['1', '2']],
    ['--user 17 --login main', ['1', '2']],
    ['--client client:cli', ['2']],
    ['--tenant globex', ['3']],
    ['--tenant globex --user 17', []],
  ] as const) {
    const found = (await cli(`sessions list ${filter} --output json`)).json();
    const sessions = (found as { readonly sessions: readonly Session[] }).sessions;
    expect([filter, sessions.map(({ id }) => id.slice(-1))]).toEqual([filter, ids]);
  }
  expect((await cli('sessions list --tenant acme --user 4')).stdout).toBe('There are no sessions.\n');
});

test('show tells of one session', async () => {
  const { stdout } = await cli('sessions show 0000000000000001');
  expect(stdout).toMatch(/^subject +user:main:acme:17$/m);
  expect(stdout).toMatch(/^user +17 \(Alice\)$/m);
  expect(stdout).toMatch(/^at the latest +\d{4}-/m);
});

test.each([
  ['sessions end 0000000000000001', ['2', '3'], 'Session 0000000000000001 has ended.\n'],
  ['sessions end --subject user:main:acme:17', ['3'], '2 sessions have ended.\n'],
  ['sessions end --client client:cli', ['1', '3'], '1 sessions have ended.\n'],
  ['sessions end --tenant acme --reason audit', ['3'], '2 sessions have ended.\n'],
  ['sessions end --tenant acme --issued-before 2020-01-01', ['1', '2', '3'], '0 sessions have ended.\n'],
])('%s ends those alone', async (line, rest, printed) => {
  expect(await cli(line)).toMatchObject({ code: 0, stdout: printed });
  expect(await open()).toEqual(rest);
});

test.each([
  'sessions end',
  'sessions end 0000000000000001 --tenant acme',
  'sessions end --tenant acme --client client:cli',
  'sessions end 0000000000000001 --issued-before now',
])('%s is a wrong call, and ends nothing', async (line) => {
  expect(await cli(line)).toMatchObject({ code: 2, stdout: '' });
  expect(await open()).toEqual(['1', '2', '3']);
});

test('revoke takes a session, a user of a login and a client back', async () => {
  for (const [option, id] of [
    ['--session 0000000000000001', 'session:0000000000000001'],
    ['--subject user:main:acme:17', 'subject:user%3Amain%3Aacme%3A17'],
    ['--client client:web-app --issued-before now', 'client:client%3Aweb-app'],
  ] as const)
    expect((await cli(`revoke ${option}`)).stdout).toBe(`Revoked: ${id}\n`);
  const refused = await cli('revoke --session 000000000000000Z');
  expect(refused).toMatchObject({ code: 1, stderr: 'error: There is no session 000000000000000Z.\n' });
});
