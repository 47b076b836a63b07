import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { startLegacyApi } from '../../demo/legacy-api/server.ts';
import { findProgram } from '../../scripts/packages.ts';
import { startGateway } from '../../src/serve/gateway.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type Block, blocksOf, root } from './markdown.ts';

const KEYS = { ACME_LEGACY_KEY: 'acme-legacy-4711', GLOBEX_LEGACY_KEY: 'globex-legacy-0815' };
const LISTEN = 'listen: { public: "127.0.0.1:0", admin: "127.0.0.1:0", ops: "127.0.0.1:0" }\n';
/** Of the README; the test has its own, which needs no npm. */
const SHELL_FUNCTION = 'gatehouse() { npm run -s gatehouse -- "$@"; }\n';
/** Between the outputs of two blocks. */
const MARK = '=== end of block ===';

const blocks = blocksOf('README.md', 'Five minutes');
const shell = blocks.filter(({ language }) => language === 'sh').map((block) => block.text);
const hasTools = ['bash', 'curl', 'sed', 'cut'].every((program) => findProgram(program) !== undefined);

/** Runs blocks one after the other in one shell; the output of each. */
async function runBlocks(
  parts: readonly string[],
  folder: string,
  env: Record<string, string>,
): Promise<readonly string[]> {
  const main = path.join(root, 'src/main.ts');
  const script = [
    'set -euo pipefail',
    `gatehouse() { "${process.execPath}" --disable-warning=ExperimentalWarning "${main}" "$@"; }`,
    ...parts.map((part) => `${part}\necho; echo '${MARK}'`),
  ].join('\n');
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  if (code !== 0) throw new Error(`the shell ended with ${code}:\n${output}\n${errors}`);
  return output.split(MARK).slice(0, -1);
}

/** The README's gateway in front of the sample API, for as long as `use` runs. */
async function withReadme(
  yaml: string,
  use: (run: (parts: readonly string[]) => Promise<readonly string[]>) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-readme-'));
  const api = await startLegacyApi({ port: 0 });
  const file = path.join(folder, 'gatehouse.yaml');
  const store = `store: { embedded: { path: "${path.join(folder, 'data/gatehouse.db')}" } }\n`;
  writeFileSync(file, LISTEN + store + yaml.replaceAll('http://localhost:3000', api.url));
  const gateway = await startGateway({ file, env: KEYS, openLog: () => createLog({ level: 'silent' }) });
  try {
    await use((parts) => {
      const commands = parts.map((part) =>
        part
          .replaceAll('http://localhost:8080', `http://127.0.0.1:${gateway.publicPort}`)
          .replaceAll('http://localhost:3000', api.url),
      );
      return runBlocks(commands, folder, {
        GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${gateway.adminPort}`,
      });
    });
  } finally {
    await gateway.stop();
    await api.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const yamlOf = (parts: readonly Block[]) => parts.find(({ language }) => language === 'yaml')?.text ?? '';

describe('the five minutes of the README', () => {
  test.skipIf(!hasTools)(
    'do what they say, from the check to the audit stream (skipped without bash and curl)',
    { timeout: 60_000 },
    async () => {
      const [check = '', startApi, serve, ...rest] = shell;
      expect(startApi).toBe('npx node demo/legacy-api/main.ts --port 3000\n');
      expect(serve).toContain('npm run -s gatehouse -- serve\n');
      expect(check).toContain(SHELL_FUNCTION);
      await withReadme(yamlOf(blocks), async (run) => {
        const [checked, key = '', curls, received, revoked] = await run([
          check.replace(SHELL_FUNCTION, ''),
          ...rest,
        ]);
        const secret = key.trim();

        expect(checked).toMatch(/^ok gatehouse\.yaml \(routes 2, upstreams 1, tenants 2/);
        expect(secret).toMatch(/^ghk_[0-9A-Z]{8}_[0-9A-Za-z]{38}$/);
        expect(curls).toMatch(/401 Unauthorized.*credential_missing.*200 OK.*Schraube M8/s);
        expect(received).toMatch(/"X-Tenant-Id",\s+"acme"/);
        expect(received).toMatch(/"X-Api-Key",\s+"acme-legacy-4711"/);
        expect(received).toMatch(/"X-Gatehouse-Assertion",\s+"eyJ/);
        expect(received).toMatch(/admitted\nroute +api\n/);
        expect(received).not.toContain('globex');
        expect(received).not.toContain(secret);
        expect(revoked).toMatch(/is revoked\..*401 Unauthorized.*credential_revoked/s);
        expect(revoked).toMatch(/changed +keys\.revoke .*moved to another system/);
      });
    },
  );
});

const users = blocksOf('README.md', 'Users log in');

describe('the users of the README', () => {
  test.skipIf(!hasTools)(
    'log in by cookie and by token, and are logged out by an administrator (skipped without bash and curl)',
    { timeout: 60_000 },
    async () => {
      const yaml = yamlOf(blocks)
        .replace('legacyKey}" }\n    identity', 'legacyKey}" }\n      cookies: fromLogin\n    identity')
        .replace('accept: [apiKey]', 'accept: [apiKey, session, bearer]');
      expect(yaml).toMatch(/cookies: fromLogin[^]*session, bearer/);
      await withReadme(yaml + yamlOf(users), async (run) => {
        const shellOfUsers = users.filter(({ language }) => language === 'sh').map((block) => block.text);
        const [loggedIn, ended] = await run(shellOfUsers);
        expect(loggedIn).toMatch(/200 OK.*Set-Cookie: __Host-gatehouse=ghs_.*"tenant":"acme"/s);
        expect(loggedIn).toMatch(/Anna Ackermann.*200 OK.*Anna Ackermann/s);
        expect(ended).toMatch(/client:desktop.*2 sessions have ended.*401 Unauthorized/s);
      });
    },
  );
});
