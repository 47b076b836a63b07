import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterEach, expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { eventually } from '../support/authentication.ts';
import { ADMIN_TOKEN, type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const LEGACY_KEY = 'legacy-key-of-an-old-client-4711';
const NEW_KEY = { id: 'k2027', key: 'b'.repeat(64) };
const OLD_KEY = { id: 'k2026', key: 'a'.repeat(64) };

const closers: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(upstream: RawUpstream, config: ConfigObject = {}): Promise<TestGateway> {
  const gateway = await startTestGateway({
    tenants: { acme: { hosts: ['acme.gw.test'] }, closed: { hosts: ['closed.gw.test'] } },
    encryptionKeys: [OLD_KEY],
    apiKeys: { pepper: 'a-pepper-of-more-than-thirty-two-bytes' },
    upstreams: {
      api: { targets: [upstream.origin], identity: { assertion: { audience: 'api' } } },
    },
    routes: [{ id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api' }],
    ...config,
  });
  closers.push(() => gateway.stop());
  return gateway;
}

async function startUpstream(): Promise<RawUpstream> {
  const upstream = await startRawUpstream(OK);
  closers.push(() => upstream.close());
  return upstream;
}

function cli(gateway: TestGateway, ...args: readonly string[]) {
  return runCli(args, {
    env: {
      GATEHOUSE_ADMIN_URL: `http://127.0.0.1:${gateway.gateway.adminPort}`,
      GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN,
    },
  });
}

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-restore-test-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

interface Asked {
  readonly host?: string;
  readonly key?: string;
}

/** Issues, imports, rotates, revokes and suspends, and gives one request for each kind of answer. */
async function use(gateway: TestGateway): Promise<readonly Asked[]> {
  await gateway.admin('POST', '/v1/tenants', { id: 'globex', hosts: ['globex.gw.test'] });
  const good = await gateway.issueKey('acme');
  const revoked = await gateway.issueKey('acme');
  const old = await gateway.issueKey('globex');
  const over = await gateway.issueKey('globex');
  const closed = await gateway.issueKey('closed');
  await gateway.admin('POST', `/v1/keys/${revoked.id}/revoke`, {});
  await gateway.admin('POST', `/v1/keys/${old.id}/rotate`, { overlap: '1h' });
  await gateway.admin('POST', `/v1/keys/${over.id}/rotate`, { overlap: '0s' });
  await gateway.admin('POST', '/v1/tenants/closed/suspend', {});
  await gateway.admin('POST', '/v1/keys/import', { tenant: 'globex', name: 'old', key: LEGACY_KEY });
  return [
    { key: good.key },
    { key: good.key, host: 'globex.gw.test' },
    { key: revoked.key },
    { key: old.key, host: 'globex.gw.test' },
    { key: over.key },
    { key: closed.key },
    { key: LEGACY_KEY },
    { key: LEGACY_KEY, host: 'acme.gw.test' },
    { key: `${good.key.slice(0, -1)}x` },
    { host: 'unknown.gw.test' },
    {},
  ];
}

async function answersOf(gateway: TestGateway, requests: readonly Asked[]): Promise<readonly string[]> {
  const answers: string[] = [];
  for (const { host, key } of requests) {
    const fields = key === undefined ? [] : [`X-API-Key: ${key}`];
    const request = wire('GET /api/orders', fields, { ...(host !== undefined && { host }) });
    answers.push(outcomeOf(await gateway.raw(request)));
  }
  return answers;
}

/** The assertion of the newest request that the upstream received. */
function assertionOf(upstream: RawUpstream): string {
  return upstream.requests.at(-1)?.field('x-gatehouse-assertion') ?? '';
}

test('a backup restored into an empty store with the same encryption key gives the same answers to the same requests', async () => {
  const [oneUpstream, otherUpstream] = [await startUpstream(), await startUpstream()];
  const one = await start(oneUpstream);
  const other = await start(otherUpstream);
  const requests = await use(one);
  // A suspended tenant is refused as soon as the gateway has read its tenants anew.
  await eventually(
    async () => (await answersOf(one, requests)).includes('403 tenant_suspended'),
    'the suspension',
  );
  const expected = await answersOf(one, requests);
  expect(expected.filter((answer) => answer === '200').length).toBe(3);
  expect(new Set(expected).size).toBeGreaterThanOrEqual(6);
  expect(await answersOf(other, requests)).not.toEqual(expected);
  const jwks = (await (
    await fetch(`http://127.0.0.1:${one.port}/.well-known/jwks.json`)
  ).json()) as JSONWebKeySet;

  const file = path.join(temporaryFolder(), 'backup.jsonl');
  expect(await cli(one, 'backup', file)).toMatchObject({ code: 0, stderr: '' });
  expect(await cli(one, 'backup', file)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/never overwritten/),
  });
  const restored = await cli(other, 'restore', file);
  expect(restored).toMatchObject({ code: 0, stderr: '' });
  expect(restored.stdout).toBe(
    'Restored: 1 tenants, 1 suspensions, 0 clients, 8 keys, 1 revocations, 1 keyrings.\n',
  );

  await expect.poll(() => answersOf(other, requests), { timeout: 5000 }).toEqual(expected);
  await answersOf(other, requests.slice(0, 1));
  const assertion = assertionOf(otherUpstream);
  expect(jwks.keys.map(({ kid }) => kid)).toContain(decodeProtectedHeader(assertion).kid);
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(jwks), { audience: 'api' });
  expect(payload['tenant']).toBe('acme');
  expect(await cli(other, 'restore', file)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/not empty/),
  });
});

test('a backup whose signing keys another encryption key sealed is refused whole', async () => {
  const upstream = await startUpstream();
  const one = await start(upstream);
  const other = await start(upstream, { encryptionKeys: [NEW_KEY] });
  const requests = await use(one);
  const before = await answersOf(other, requests);
  const file = path.join(temporaryFolder(), 'backup.jsonl');
  await cli(one, 'backup', file);
  expect(await cli(other, 'restore', file)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/k2026/),
  });
  expect(await answersOf(other, requests)).toEqual(before);
});

test('the status tells when an old encryption key may go, and what goes on to be needed', async () => {
  const upstream = await startUpstream();
  const one = await start(upstream);
  const file = path.join(temporaryFolder(), 'backup.jsonl');
  await cli(one, 'backup', file);
  const other = await start(upstream, { encryptionKeys: [NEW_KEY, OLD_KEY] });
  const usesOf = async () =>
    (await other.admin<{ readonly encryptionKeys: unknown }>('GET', '/v1/status')).encryptionKeys;
  expect(await usesOf()).toEqual([
    { id: 'k2027', state: 'sealing', sealed: 2 },
    { id: 'k2026', state: 'opening', sealed: 0 },
  ]);
  await cli(other, 'restore', file);
  expect(await usesOf()).toEqual([
    { id: 'k2027', state: 'sealing', sealed: 0 },
    { id: 'k2026', state: 'opening', sealed: 2 },
  ]);
  const resealed = await cli(other, 'keyring', 'reseal');
  expect(resealed.stdout).toMatch(/^1 keyrings were sealed anew\.$/m);
  expect(resealed.stdout).toMatch(/^k2026 +0 secrets +may be taken away once older sessions have ended$/m);
  expect(await usesOf()).toEqual([
    { id: 'k2027', state: 'sealing', sealed: 2 },
    { id: 'k2026', state: 'opening', sealed: 0 },
  ]);
});
