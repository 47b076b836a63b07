import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocksOf } from '../architecture/markdown.ts';
import { eventually } from '../support/authentication.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { findFreePort } from '../support/redis.ts';
import { outcomeOf, wire } from '../support/wire.ts';
import { GO_ENVIRONMENT, LANGUAGES, type Language, missingFor, verifierOf } from './harness.ts';

const SECRET = 'a-secret-of-more-than-thirty-two-bytes';

/** Where a block and the verifier go, and what makes a server of them. The last command stays. */
const SERVERS: Readonly<
  Record<
    Language,
    {
      readonly block: string;
      readonly file: string;
      readonly verifier: string;
      readonly commands: (port: number) => readonly (readonly string[])[];
    }
  >
> = {
  node: {
    block: 'js',
    file: 'server.mjs',
    verifier: 'gatehouse-verifier.cjs',
    commands: () => [[process.execPath, 'server.mjs']],
  },
  python: {
    block: 'python',
    file: 'server.py',
    verifier: 'gatehouse_verifier.py',
    commands: () => [['python3', 'server.py']],
  },
  go: {
    block: 'go',
    file: 'main.go',
    verifier: 'gatehouse/gatehouse.go',
    commands: () => [['go', 'build', '-o', 'server', '.'], ['./server']],
  },
  java: {
    block: 'java',
    file: 'Application.java',
    verifier: 'GatehouseVerifier.java',
    commands: () => [
      ['javac', 'Application.java', 'GatehouseVerifier.java'],
      ['java', '-XX:TieredStopAtLevel=1', 'Application'],
    ],
  },
  php: {
    block: 'php',
    file: 'server.php',
    verifier: 'GatehouseVerifier.php',
    commands: (port) => [['php', '-S', `127.0.0.1:${port}`, 'server.php']],
  },
};

let upstream: RawUpstream;
let gateway: TestGateway;
/** The head of a request as the gateway sent it. */
let genuine = '';
let subject = '';

beforeAll(async () => {
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const fields = { 'X-Tenant-Id': '{tenant.id}', 'X-Subject': '{subject}' };
  const signature = { algorithm: 'hmac-sha256', keys: [{ id: 's1', secret: SECRET }] };
  gateway = await startTestGateway({
    tenants: { acme: {}, globex: {} },
    upstreams: { legacy: { targets: [upstream.origin], identity: { fields, assertion: {}, signature } } },
    routes: [{ id: 'all', match: { path: '/**' }, accept: ['apiKey'], upstream: 'legacy' }],
  });
  const { id, key } = await gateway.issueKey('acme');
  subject = `key:${id}`;
  const answer = await gateway.raw(wire('GET /a%20b?x=%2F&y', [`X-API-Key: ${key}`]));
  expect(outcomeOf(answer)).toBe('200');
  // The same bytes, but that the connection shall end: a server of one thread is to serve the next one.
  genuine = (await upstream.request(0)).head.replace(/^Connection: .*$/im, 'Connection: close');
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
});

describe.each(LANGUAGES)('the example for %s', (language) => {
  const missing = missingFor(language);
  if (missing !== undefined) {
    it.skip(`is not run here: ${missing}`, () => {});
    return;
  }

  let folder = '';
  let port = 0;
  let server: ChildProcess;
  const send = (head: string) => exchangeRaw(port, `${head}\r\n\r\n`);

  beforeAll(async () => {
    const { block, file, verifier, commands } = SERVERS[language];
    folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-example-'));
    port = await findFreePort();
    const text = blocksOf('deploy/verifiers/README.md').find((each) => each.language === block)?.text ?? '';
    writeFileSync(path.join(folder, file), text);
    writeFileSync(path.join(folder, 'go.mod'), 'module example\n\ngo 1.21\n');
    mkdirSync(path.join(folder, path.dirname(verifier)), { recursive: true });
    copyFileSync(verifierOf(language, path.basename(verifier)), path.join(folder, verifier));
    const env = {
      ...process.env,
      ...GO_ENVIRONMENT,
      PORT: String(port),
      GATEHOUSE_ISSUER: 'https://gw.test',
      GATEHOUSE_JWKS: `http://127.0.0.1:${gateway.port}/.well-known/jwks.json`,
      GATEHOUSE_SECRET: SECRET,
    };
    const options = { cwd: folder, env };
    const [last = [], ...steps] = commands(port).toReversed();
    for (const [program = '', ...args] of steps.toReversed())
      await promisify(execFile)(program, args, { ...options, timeout: 150_000 });
    const [program = '', ...args] = last;
    server = spawn(program, args, { ...options, stdio: 'ignore' });
    await eventually(async () => {
      const answer = await send('GET / HTTP/1.1\r\nHost: up\r\nConnection: close').catch(() => undefined);
      return answer !== undefined;
    }, `the server answers`);
  }, 180_000);
  afterAll(() => {
    server?.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  it('serves who came through the gateway', async () => {
    const answer = await send(genuine);
    expect([answer.status, answer.body.toString()]).toEqual([200, `acme: ${subject}`]);
  });

  it.each<[string, (head: string) => string]>([
    [
      'came without it',
      () => 'GET /a HTTP/1.1\r\nHost: up\r\nX-Tenant-Id: acme\r\nX-Subject: x\r\nConnection: close',
    ],
    ['brings an assertion twice', (head) => `${head}\r\n${/^X-Gatehouse-Assertion: .*$/im.exec(head)?.[0]}`],
    [
      'forged the assertion and the tenant',
      (head) =>
        head
          .replace(/(X-Gatehouse-Assertion: .{20})../i, '$1__')
          .replace(/(X-Tenant-Id): acme/i, '$1: globex'),
    ],
  ])('answers 401 to who %s', async (_, change) => {
    const head = change(genuine);
    expect(head).not.toBe(genuine);
    expect((await send(head)).status).toBe(401);
  });

  if (['go', 'java', 'php'].includes(language)) {
    it.each<[string, (head: string) => string]>([
      ['has two tenants', (head) => `${head}\r\nX-Tenant-Id: globex`],
      ['has a tenant in another spelling', (head) => `${head}\r\nX_Tenant_Id: globex`],
      ['takes the signature to another path', (head) => head.replace('/a%20b', '/a%2Bb')],
      ['takes the signature to another query', (head) => head.replace('x=%2F', 'x=/')],
    ])('answers 401 to who %s', async (_, change) => {
      const head = change(genuine);
      expect(head).not.toBe(genuine);
      expect((await send(head)).status).toBe(401);
    });
  }
});
