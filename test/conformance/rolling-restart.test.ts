import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../scripts/packages.ts';
import { startSteadyLoad } from '../support/load.ts';
import { type RunningProxy, startProxy } from '../support/proxy-process.ts';
import { readRecipe } from '../support/recipe.ts';
import { findFreePort, type RunningRedis, redisMissing, startRedis, until } from '../support/redis.ts';

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts');
const ADMIN_TOKEN = 'gho_test-token-that-is-long-enough-0123456789';
const haproxy = findProgram('haproxy');
const missing = haproxy === undefined ? 'haproxy is not installed' : redisMissing;

/** A process of its own, with the recipe's configuration. */
interface Replica {
  readonly publicPort: number;
  readonly opsPort: number;
  readonly adminPort: number;
  readonly env: Readonly<Record<string, string>>;
  readonly file: string;
  child: ChildProcess | undefined;
}

async function start(replica: Replica): Promise<void> {
  replica.child = spawn(process.execPath, [MAIN, 'serve', '--config', replica.file], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], ...replica.env },
  });
  await until('the replica is ready', () => isReady(replica), 20_000);
}

/** Resolves with its exit code. */
async function terminate({ child }: Replica): Promise<number | null> {
  if (child === undefined || child.exitCode !== null) return child?.exitCode ?? null;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
  return child.exitCode;
}

const isReady = ({ opsPort }: Replica) =>
  fetch(`http://127.0.0.1:${opsPort}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );

/** The load balancer sends it requests. */
async function isUsed({ opsPort }: Replica): Promise<boolean> {
  return (await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()).includes('route="api"');
}

describe.skipIf(missing)(`two replicas behind HAProxy ${missing ?? ''}`, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-rolling-'));
  const replicas: Replica[] = [];
  let redis: RunningRedis;
  let upstream: Server;
  let proxy: RunningProxy;

  async function createReplica(name: string): Promise<Replica> {
    const publicPort = await findFreePort();
    const opsPort = await findFreePort();
    const adminPort = await findFreePort();
    const { port } = upstream.address() as AddressInfo;
    const file = path.join(folder, `${name}.yaml`);
    const config = readRecipe('legacy-api/gatehouse.yaml', {
      '127.0.0.1:8080': `127.0.0.1:${publicPort}`,
      '127.0.0.1:8081': `127.0.0.1:${adminPort}`,
      '127.0.0.1:9464': `127.0.0.1:${opsPort}`,
      '127.0.0.1:3000': `127.0.0.1:${port}`,
    });
    writeFileSync(file, config);
    const env = {
      REDIS_URL: redis.url,
      GATEHOUSE_ENCRYPTION_KEY: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
      GATEHOUSE_ADMIN_TOKEN: ADMIN_TOKEN,
      ACME_LEGACY_KEY: 'acme-legacy-4711',
    };
    return { publicPort, opsPort, adminPort, env, file, child: undefined };
  }

  beforeAll(async () => {
    redis = await startRedis();
    upstream = createServer((_, response) => void response.end('ok')).listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    const [first, second] = [await createReplica('first'), await createReplica('second')];
    replicas.push(first, second);
    await start(first);
    await start(second);
    const port = await findFreePort();
    const config = readRecipe('legacy-api/haproxy.cfg', {
      ':8000': `:${port}`,
      '127.0.0.1:8080': `127.0.0.1:${first.publicPort}`,
      '127.0.0.1:8090': `127.0.0.1:${second.publicPort}`,
      'port 9464': `port ${first.opsPort}`,
      'port 9474': `port ${second.opsPort}`,
    });
    const files = new Map([['haproxy.cfg', config]]);
    proxy = await startProxy({
      program: haproxy ?? '',
      args: () => ['-f', 'haproxy.cfg', '-db'],
      files,
      port,
    });
  }, 60_000);

  afterAll(async () => {
    await proxy?.stop();
    for (const { child } of replicas) child?.kill('SIGKILL');
    upstream?.closeAllConnections();
    upstream?.close();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are restarted one after the other under load, and no request fails', { timeout: 60_000 }, async () => {
    const issued = await fetch(`http://127.0.0.1:${replicas[0]?.adminPort}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tenant: 'acme', name: 'load' }),
    });
    const key = /ghk_\w+/.exec(await issued.text())?.[0] ?? '';
    const headers = { 'x-api-key': key };
    const load = startSteadyLoad({ port: proxy.port, path: '/api/orders', clients: 8, headers });
    try {
      for (const replica of replicas) {
        await until('the load balancer sends requests to it', () => isUsed(replica), 20_000);
        expect(await terminate(replica)).toBe(0);
        await start(replica);
      }
      for (const replica of replicas) await until('both are used again', () => isUsed(replica), 20_000);
    } finally {
      await load.stop();
    }
    expect([...load.outcomes.keys()]).toEqual(['200']);
    expect(load.answered()).toBeGreaterThan(500);
  });
});
