import { createSecretKey } from 'node:crypto';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { pepperedDigest } from '../../src/api-keys/api-key-format.ts';
import { ADMIN_TOKEN, PEPPER, type RunningAdmin, startAdmin } from '../admin/running-admin.ts';
import { aTenant, NOW, tenantId } from '../contract/fixtures.ts';
import { hasTerminal, runOnTerminal, type TerminalRun } from './run-on-terminal.ts';

/** Each run of the command line is a process. */
vi.setConfig({ testTimeout: 60_000 });

const onTerminal = test.skipIf(!hasTerminal);
if (!hasTerminal) console.warn('skipped: prompts on a terminal, since there is no python3 with pty');

let admin: RunningAdmin;
beforeAll(async () => {
  admin = await startAdmin({ configuredTenants: [aTenant('acme')] });
});
afterAll(() => admin.close());

function run(line: string, prompt: string, answer: string): Promise<TerminalRun> {
  return runOnTerminal(line.split(' '), {
    prompt,
    answer,
    env: { GATEHOUSE_ADMIN_URL: admin.url, GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN },
  });
}

onTerminal('a legacy key is asked for and not shown while it is typed', async () => {
  const key = 'typed-legacy-key-4711';
  const { code, seen, typed } = await run(
    'keys import --tenant acme --name old --id typed',
    'Legacy key: ',
    key,
  );
  expect({ code, typed }).toEqual({ code: 0, typed: true });
  expect(seen).toContain('Key typed of tenant acme is accepted from now on.');
  expect(seen).not.toContain(key);
  const digest = pepperedDigest(key, createSecretKey(Buffer.from(PEPPER)));
  expect(await admin.stores.apiKeys.findByDigest(digest)).toMatchObject({ id: 'typed' });
});

onTerminal('no key at all is said, and nothing is sent', async () => {
  const { code, seen } = await run('keys import --tenant acme --name old', 'Legacy key: ', '');
  expect(code).toBe(2);
  expect(seen).toContain('error: Nothing was given.');
});

onTerminal.each([
  ['n', false],
  ['', false],
  ['yesterday', false],
  ['y', true],
  ['YES', true],
])('a deletion is asked about, and %j answers it', async (answer, isDeleted) => {
  await admin.stores.tenants.create(aTenant('globex'), NOW);
  const { code, seen, typed } = await run('tenants delete globex', '[y/N] ', answer);
  expect(typed).toBe(true);
  expect(seen).toContain('Delete tenant globex and all its keys? [y/N] ');
  expect(code).toBe(isDeleted ? 0 : 1);
  expect(seen).toContain(isDeleted ? 'are deleted.' : 'error: Nothing was deleted.');
  expect((await admin.stores.tenants.find(tenantId('globex'))) === undefined).toBe(isDeleted);
  await admin.stores.tenants.delete(tenantId('globex'));
});

onTerminal('tables have colours on a terminal', async () => {
  const { seen } = await run('tenants list', 'never asked', '');
  expect(seen).toContain('\u001B[32mactive');
});
