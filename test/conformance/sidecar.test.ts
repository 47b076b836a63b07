import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecipe } from '../support/recipe.ts';
import { until } from '../support/redis.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** Names of network interfaces have at most 15 characters. */
const NAME = `gh${process.pid % 100_000}`;
const OUTSIDE = `10.77.${process.pid % 250}.1`;
const INSIDE = `10.77.${process.pid % 250}.2`;
const KEY = 'sidecar-0123456789abcdefghijklmnopqrstuv';
const DIGEST = /sha256:[0-9a-f]{64}/;

/** Tells every request that it got, and answers it. */
const UPSTREAM = `
import { createServer } from 'node:http';
createServer((request, response) => {
  console.log(JSON.stringify([request.url, request.headers['x-tenant-id'] ?? '', request.headers['x-api-key'] ?? '']));
  response.end('from the upstream');
}).listen(3000, '127.0.0.1', () => console.log('listening'));
`;

const missing = whyMissing();

function whyMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const created = ip('netns', 'add', NAME);
  return created.status === 0 ? undefined : `ip netns: ${created.error?.message ?? created.stderr.trim()}`;
}

function ip(...args: readonly string[]) {
  return spawnSync('ip', args, { encoding: 'utf8', timeout: 5000 });
}

function configure(...args: readonly string[]): void {
  const done = ip(...args);
  if (done.status !== 0) throw new Error(`ip ${args.join(' ')}: ${done.stderr}`);
}

function ask(target: string, headers: Readonly<Record<string, string>> = {}, port = 8080): Promise<Response> {
  return fetch(`http://${INSIDE}:${port}${target}`, { headers, signal: AbortSignal.timeout(3000) });
}

/** What the test does by hand is what a pod is made of. */
describe.skipIf(missing)(`a sidecar in the network namespace of its upstream ${missing ?? ''}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-sidecar-'));
  const children: ChildProcess[] = [];
  let received = '';

  function within(args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', NAME, process.execPath, ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  }

  beforeAll(async () => {
    configure('link', 'add', `${NAME}o`, 'type', 'veth', 'peer', 'name', `${NAME}i`, 'netns', NAME);
    configure('addr', 'add', `${OUTSIDE}/30`, 'dev', `${NAME}o`);
    configure('link', 'set', `${NAME}o`, 'up');
    configure('-n', NAME, 'addr', 'add', `${INSIDE}/30`, 'dev', `${NAME}i`);
    configure('-n', NAME, 'link', 'set', `${NAME}i`, 'up');
    configure('-n', NAME, 'link', 'set', 'lo', 'up');
    const recipe = readRecipe('sidecar/gatehouse.yaml', {});
    const config = `${recipe.replace(DIGEST, `sha256:${hash('sha256', KEY)}`)}\nstore: { embedded: { path: ${folder}/gatehouse.db } }\n`;
    writeFileSync(path.join(folder, 'gatehouse.yaml'), config);
    writeFileSync(path.join(folder, 'upstream.mjs'), UPSTREAM);
    const upstream = within(['upstream.mjs']);
    upstream.stdout?.setEncoding('utf8').on('data', (text: string) => (received += text));
    within([path.join(ROOT, 'src/main.ts'), 'serve', '--config', path.join(folder, 'gatehouse.yaml')]);
    await until('the upstream listens', () => received.includes('listening'));
    await until(
      'the gateway answers',
      async () => (await ask('/status').catch(() => undefined))?.status === 200,
      20_000,
    );
  }, 40_000);

  afterAll(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    ip('link', 'del', `${NAME}o`);
    ip('netns', 'del', NAME);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is reached from outside, and passes on who asks', async () => {
    const answer = await ask('/api/orders', {
      'x-api-key': KEY,
      host: 'acme.example.com',
      'x-tenant-id': 'globex',
    });
    expect([answer.status, await answer.text()]).toEqual([200, 'from the upstream']);
    expect(received).toContain('["/api/orders","acme",""]');
  });

  it('lets nobody pass without a credential', async () => {
    expect((await ask('/api/refused')).status).toBe(401);
    expect(received).not.toContain('/api/refused');
  });

  it.each([
    ['the upstream', 3000],
    ['the administration', 8081],
  ])('leaves %s out of reach', async (_, port) => {
    await expect(ask('/status', {}, port)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
  });
});
