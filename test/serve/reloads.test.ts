import { afterEach, describe, expect, it } from 'vitest';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { redisMissing, startRedis, until } from '../support/redis.ts';
import { ADMIN_TOKEN, askHttp, serveProgram } from '../support/served-program.ts';

const ENCRYPTION_KEY = { id: 'k1', key: 'a1'.repeat(32) };

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const closer of closers.splice(0).reverse()) await closer();
});

function routesOf(count: number, generation: number): ConfigObject[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `r${index}`,
    match: { path: `/g${generation}/r${index}/{id}` },
    accept: ['apiKey'],
    upstream: 'api',
  }));
}

async function readyz({ gateway }: TestGateway): Promise<string> {
  return (await fetch(`http://127.0.0.1:${gateway.opsPort}/readyz?verbose`)).text();
}

async function startOnRedis() {
  const redis = await startRedis(['--appendonly', 'yes']);
  closers.push(() => redis.stop());
  const configOf = (generation: number): ConfigObject => ({
    store: { redis: { url: redis.url, commandTimeout: '200ms' } },
    encryptionKeys: [ENCRYPTION_KEY],
    upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
    routes: routesOf(1, generation),
  });
  const gateway = await startTestGateway(configOf(1));
  closers.push(() => gateway.stop());
  return { redis, gateway, configOf };
}

describe.skipIf(redisMissing !== undefined)('a reload while Redis is away', () => {
  it('is made by itself when Redis is back, and all say meanwhile that it is to come', async () => {
    const { redis, gateway, configOf } = await startOnRedis();
    const revision = gateway.gateway.revision();
    await redis.kill();
    gateway.writeConfig(configOf(2));
    await until('the reload fails', async () => (await readyz(gateway)).includes('[-]configuration'));
    expect(await readyz(gateway)).toContain(
      `the newest file waits for the store and is tried again, revision ${revision} goes on serving`,
    );
    expect(await gateway.metrics()).toMatch(/^gatehouse_config_last_reload_successful 0$/m);
    expect(gateway.log()).toContain('the new configuration waits for the store');
    expect(await gateway.gateway.reload()).toMatchObject({
      outcome: 'refused',
      isPassing: true,
      errors: [expect.stringContaining('tried again until it is in effect')],
    });

    await redis.start(['--appendonly', 'yes']);
    await until('another revision', () => gateway.gateway.revision() !== revision, 20_000);
    expect(await askHttp({ port: gateway.port, path: '/g1/r0/1' })).toBe(404);
    expect(await readyz(gateway)).toContain('[+]configuration ok');
    expect(await gateway.metrics()).toMatch(/^gatehouse_config_last_reload_successful 1$/m);
    // Told once, however often it was tried.
    expect(gateway.log().match(/the new configuration waits/g)).toHaveLength(1);
  });

  it('is given up for a newer file, whatever that is', async () => {
    const { redis, gateway, configOf } = await startOnRedis();
    const revision = gateway.gateway.revision();
    await redis.kill();
    gateway.writeConfig(configOf(2));
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'refused', isPassing: true });
    gateway.writeConfig({ ...configOf(3), rutes: [] });
    const refusal = await gateway.gateway.reload();
    expect(refusal).toMatchObject({ outcome: 'refused' });
    expect(refusal).not.toHaveProperty('isPassing');
    await redis.start(['--appendonly', 'yes']);
    await until('the store answers', async () => (await readyz(gateway)).includes('[+]store ok'), 20_000);
    expect(gateway.gateway.revision()).toBe(revision);
    expect(await readyz(gateway)).toContain('the newest file is refused');
    gateway.writeConfig(configOf(4));
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
  });
});

describe.skipIf(redisMissing !== undefined)('a large file', () => {
  it('is loaded beside the requests by every worker, and a bad one is told of with its line', async () => {
    const redis = await startRedis();
    closers.push(() => redis.stop());
    const configOf = (generation: number): ConfigObject => ({
      listen: { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' },
      workers: 2,
      store: { redis: { url: redis.url } },
      encryptionKeys: [ENCRYPTION_KEY],
      admin: { tokens: [{ name: 'test', token: ADMIN_TOKEN, role: 'admin' }] },
      upstreams: { api: { targets: ['http://127.0.0.1:1'] } },
      routes: routesOf(300, generation),
    });
    const program = await serveProgram(configOf(1));
    closers.push(() => program.remove());
    const ask = (path: string) => askHttp({ port: program.publicPort, path });
    expect(await ask('/g1/r299/1')).toBe(401);
    program.write(configOf(2));
    const outcome: unknown = expect.stringMatching(/^(?:reloaded|unchanged)$/);
    expect(await program.admin('POST', '/v1/reload')).toMatchObject({
      outcome,
      workers: [{ outcome }, { outcome }],
    });
    for (let turn = 0; turn < 4; turn += 1) {
      expect(await ask('/g1/r299/1')).toBe(404);
      expect(await ask('/g2/r299/1')).toBe(401);
    }
    program.write({ ...configOf(3), rutes: [] });
    expect(await program.admin('POST', '/v1/reload')).toMatchObject({
      outcome: 'refused',
      errors: [expect.stringMatching(/gatehouse\.yaml:1:\d+ rutes/)],
    });
    expect(program.log().filter(({ msg }) => msg.includes('loaded in place'))).toEqual([]);
  }, 60_000);
});
