import { once } from 'node:events';
import { Agent, createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { ConfigObject } from '../support/gateway.ts';
import { type RunningRedis, redisMissing, startRedis, until } from '../support/redis.ts';
import {
  ADMIN_TOKEN,
  askHttp,
  type HttpAsk,
  isAlive,
  NO_ANSWER,
  type ServedProgram,
  serveProgram,
} from '../support/served-program.ts';

/** Each of them starts several processes. */
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

const WORKERS = 3;
/** Enough for each worker to get several. */
const CONNECTIONS = 4 * WORKERS;

describe.skipIf(redisMissing !== undefined)('several workers', () => {
  let redis: RunningRedis;
  let origin: string;
  let stores = 0;
  const upstream = createServer((received, answer) => {
    const pause = Number(/^\/slow\/(\d+)/.exec(received.url ?? '')?.[1] ?? 0);
    setTimeout(() => answer.end('ok'), pause);
  });
  beforeAll(async () => {
    redis = await startRedis();
    upstream.listen(0, '127.0.0.1');
    await once(upstream, 'listening');
    origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    upstream.closeAllConnections();
    upstream.close();
    await redis.stop();
  });

  function configOf(changes: ConfigObject = {}): ConfigObject {
    return {
      listen: { public: '127.0.0.1:0', admin: '127.0.0.1:0', ops: '127.0.0.1:0' },
      workers: WORKERS,
      store: { redis: { url: redis.url, keyPrefix: `scene-${stores}:` } },
      encryptionKeys: [{ id: 'k', key: 'ab'.repeat(32) }],
      admin: { tokens: [{ name: 'test', token: ADMIN_TOKEN, role: 'admin' }] },
      logging: { requests: 'all' },
      tenants: { acme: {} },
      upstreams: { api: { targets: [origin] } },
      routes: [
        { id: 'open', match: { path: '/open/**' }, public: true, upstream: 'api' },
        { id: 'slow', match: { path: '/slow/**' }, public: true, upstream: 'api' },
        { id: 'keyed', match: { path: '/keyed' }, accept: ['apiKey'], upstream: 'api' },
      ],
      ...changes,
    };
  }

  async function serve(changes: ConfigObject = {}): Promise<ServedProgram> {
    stores += 1;
    const program = await serveProgram(configOf(changes));
    onTestFinished(() => program.remove());
    const { workers = WORKERS } = changes;
    // The log is written in pieces.
    if (program.stderr().includes(' serves ') && workers !== 1)
      await until('the log names every worker', () => workersOf(program).length === workers);
    return program;
  }

  test('connections go round all workers, and the metrics add up to what was asked, across a killed worker too', async () => {
    const program = await serve();
    expect(await askEach(program, { path: '/open/1' })).toEqual(Array(CONNECTIONS).fill(200));
    await until('each request is logged by the worker that answered it', () => {
      const lines = program.log().filter((line) => line['route'] === 'open');
      return lines.length === CONNECTIONS;
    });
    const servants = servantsOf(program, 'open');
    expect(servants).toEqual(new Set(workersOf(program)));
    expect(servants.size).toBe(WORKERS);
    const decisions = async () => /^gatehouse_decisions_total.*$/m.exec(await program.ops('/metrics'))?.[0];
    expect(await decisions()).toBe(`gatehouse_decisions_total{code="admitted"} ${CONNECTIONS}`);
    expect(await program.ops('/metrics')).toContain(`\ngatehouse_workers ${WORKERS}\n`);

    const [victim = 0] = servants;
    process.kill(victim, 'SIGKILL');
    await until('another one takes its place', () => workersOf(program).length === WORKERS + 1, 60_000);
    expect(await decisions()).toBe(`gatehouse_decisions_total{code="admitted"} ${CONNECTIONS}`);
    expect(await askEach(program, { path: '/open/2' })).toEqual(Array(CONNECTIONS).fill(200));
    expect(await decisions()).toBe(`gatehouse_decisions_total{code="admitted"} ${2 * CONNECTIONS}`);
    const metrics = await program.ops('/metrics');
    expect(metrics).toContain('\ngatehouse_worker_restarts_total 1\n');
    expect(metrics).toContain(`\ngatehouse_workers ${WORKERS}\n`);
  });

  test('a key that is revoked is refused by every worker, though all of them have it in their cache', async () => {
    const program = await serve();
    const issued = JSON.stringify(await program.admin('POST', '/v1/keys', { tenant: 'acme', name: 'test' }));
    const key = /ghk_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}/.exec(issued)?.[0] ?? '';
    const ask = { path: '/keyed', headers: { 'x-api-key': key } };
    expect(await askEach(program, ask)).toEqual(Array(CONNECTIONS).fill(200));
    await program.admin('POST', '/v1/revocations', { target: { kind: 'key', id: key.slice(4, 12) } });
    const revokedAt = performance.now();
    let statuses = await askEach(program, ask);
    while (statuses.includes(200)) {
      // The bound that store.maxLag gives replicas.
      expect(performance.now() - revokedAt).toBeLessThan(5000);
      statuses = await askEach(program, ask);
    }
    expect(statuses).toEqual(Array(CONNECTIONS).fill(401));
    await until('every worker has refused it', () => {
      const refused = program.log().filter((line) => line['code'] === 'credential_revoked');
      return new Set(refused.map(({ pid }) => pid)).size === WORKERS;
    });
  });

  test('a reload reaches every worker and says what it came to in each; a bad file changes nothing in any', async () => {
    const program = await serve();
    const routes = [{ id: 'new', match: { path: '/new' }, public: true, upstream: 'api' }];
    expect(await askEach(program, { path: '/new' })).toEqual(Array(CONNECTIONS).fill(404));
    program.write(configOf({ routes }));
    // The watch of the file may have come first.
    const outcome: unknown = expect.stringMatching(/^(?:reloaded|unchanged)$/);
    const workers = workersOf(program).map((pid) => ({ pid, outcome }));
    const report = (await program.admin('POST', '/v1/reload')) as { workers: { pid: number }[] };
    expect({ ...report, workers: report.workers.toSorted((one, other) => one.pid - other.pid) }).toEqual({
      outcome,
      revision: expect.any(String),
      workers,
    });
    expect(await askEach(program, { path: '/new' })).toEqual(Array(CONNECTIONS).fill(200));

    program.write('routes: [');
    expect(await program.admin('POST', '/v1/reload')).toMatchObject({ outcome: 'refused' });
    expect(await askEach(program, { path: '/new' })).toEqual(Array(CONNECTIONS).fill(200));

    program.write(configOf());
    program.signalAll('SIGHUP');
    await until('every worker serves the file of before', async () =>
      (await askEach(program, { path: '/new' })).every((status) => status === 404),
    );
    const status = (await program.admin('GET', '/v1/status')) as {
      replicas: { id: string; revision: string }[];
      checks: object[];
    };
    for (const pid of [program.pid, ...workersOf(program)])
      expect(status.replicas.filter(({ id }) => id.split(':')[1] === String(pid))).toHaveLength(1);
    expect(status.checks).toContainEqual(
      expect.objectContaining({ name: 'workers', isOk: true, detail: '3 of 3 workers serve' }),
    );
  });

  test('a worker that is killed under load takes its own requests with it, and no others', async () => {
    const program = await serve();
    const failures: { readonly client: number; readonly message: string }[] = [];
    let answered = 0;
    const over = new AbortController();
    const clients = Array.from({ length: CONNECTIONS }, async (_, client) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      while (!over.signal.aborted) {
        try {
          const ask = { port: program.publicPort, path: `/slow/20/${client}`, agent };
          expect(await askHttp(ask)).toBe(200);
          answered += 1;
        } catch (error) {
          failures.push({ client, message: error instanceof Error ? error.message : 'unknown' });
        }
      }
      agent.destroy();
    });
    /** Of the worker that the first connection of the client went to. */
    const pidOf = (client: number) =>
      program.log().find((line) => line['path'] === `/slow/20/${client}`)?.pid;
    await until('the log says which worker each client is connected to', () =>
      clients.every((_, client) => pidOf(client) !== undefined),
    );
    const victim = pidOf(0) ?? 0;
    process.kill(victim, 'SIGKILL');
    const before = answered;
    await until('another one takes its place', () => workersOf(program).length === WORKERS + 1, 60_000);
    over.abort();
    await Promise.all(clients);
    expect(answered).toBeGreaterThan(before);
    // Handed to the worker in the very moment of its end.
    const [unheard, lost] = [
      failures.filter(({ message }) => message === NO_ANSWER),
      failures.filter(({ message }) => message !== NO_ANSWER).map(({ client }) => client),
    ];
    expect(unheard.length).toBeLessThanOrEqual(1);
    expect(lost.length).toBeGreaterThan(0);
    expect(new Set(lost).size).toBe(lost.length);
    expect(new Set(lost.map(pidOf))).toEqual(new Set([victim]));
    expect(await askEach(program, { path: '/open/1' })).toEqual(Array(CONNECTIONS).fill(200));
    const ended = program.log().filter(({ msg }) => msg.startsWith('a worker ended'));
    expect(ended).toEqual([expect.objectContaining({ level: 'error', worker: victim, signal: 'SIGKILL' })]);
  });

  test('a worker that cannot start again is tried at longer and longer intervals, while the others serve', async () => {
    const program = await serve({ workers: 2 });
    const [victim = 0] = workersOf(program);
    program.write('routes: [');
    process.kill(victim, 'SIGKILL');
    const endings = () => program.log().filter(({ msg }) => msg.startsWith('a worker ended'));
    await until('it was tried', () => endings().length >= 3, 60_000);
    expect(endings().map(({ pause }) => pause)).toEqual(
      endings().map((_, at) => Math.min(100 * 2 ** at, 30_000)),
    );
    expect(endings()[1]).toMatchObject({ problem: expect.stringContaining('gatehouse.yaml:1:') });
    const ready = await program.ops('/readyz?verbose');
    expect(ready).toContain('[-]workers failed, traffic is served all the same: 1 of 2 workers serve');
    expect(ready).toMatch(/ok\n$/);
    expect(await askHttp({ port: program.publicPort, path: '/open/1' })).toBe(200);
    program.write(configOf({ workers: 2 }));
    await until('it serves again', () => workersOf(program).length === 3, 60_000);
  });

  test('SIGTERM to all processes ends them when every request in flight has been answered', async () => {
    const program = await serve({ shutdown: { drain: '20s' } });
    const inFlight = askEach(program, { path: '/slow/1500' });
    await until('all are in flight', async () =>
      (await program.ops('/metrics')).includes(`\nhttp_server_active_requests ${CONNECTIONS}\n`),
    );
    const workers = workersOf(program);
    program.signalAll('SIGTERM');
    await until('it is not ready', async () =>
      (await program.ops('/readyz')).startsWith('not ready: shutdown'),
    );
    expect(await inFlight).toEqual(Array(CONNECTIONS).fill(200));
    expect(await program.exited).toBe(0);
    expect(workers.filter(isAlive)).toEqual([]);
    const told = program.log().map(({ msg }) => msg);
    expect(told.at(-1)).toBe('stopped');
    expect(told.filter((msg) => /killed|ended|cut/.test(msg))).toEqual([]);
  });

  test('a worker that does not end in its time is killed', async () => {
    const program = await serve({ workers: 2, shutdown: { drain: '0s' } });
    const [stuck = 0] = workersOf(program);
    process.kill(stuck, 'SIGSTOP');
    process.kill(program.pid, 'SIGTERM');
    expect(await program.exited).toBe(0);
    expect(isAlive(stuck)).toBe(false);
    expect(program.log()).toContainEqual(
      expect.objectContaining({ worker: stuck, msg: 'a worker was killed, since it did not end in time' }),
    );
  });

  test('workers whose primary is gone end by themselves', async () => {
    const program = await serve({ workers: 2 });
    const workers = workersOf(program);
    expect(workers.filter(isAlive)).toHaveLength(2);
    process.kill(program.pid, 'SIGKILL');
    await until('they have ended', () => !workers.some(isAlive));
  });

  test('workers share a socket file, and one that was left is no obstacle', async () => {
    const folder = redis.folder;
    const socket = path.join(folder, 'public.sock');
    const listen = { public: `unix:${socket}`, admin: '127.0.0.1:0', ops: '127.0.0.1:0' };
    const program = await serve({ workers: 2, listen });
    const ask = () => askHttp({ socketPath: socket, path: '/open/1' });
    expect(await Promise.all([ask(), ask(), ask(), ask()])).toEqual([200, 200, 200, 200]);
    await until('both have answered', () => servantsOf(program, 'open').size === 2);
    program.signalAll('SIGKILL');
    await program.exited;
    await serve({ workers: 2, listen });
    expect(await ask()).toBe(200);
  });

  test('workers that cannot start end the program with one sentence, which says why', async () => {
    const other = createTcpServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const listen = { public: `127.0.0.1:${port}`, admin: '127.0.0.1:0', ops: '127.0.0.1:0' };
    const program = await serve({ listen });
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toMatch(
      new RegExp(`^gatehouse cannot start: .*EADDRINUSE.* 127\\.0\\.0\\.1:${port}\\n$`),
    );
  });

  test('workers over the embedded store are refused by name', async () => {
    const program = await serve({ store: { embedded: { path: ':memory:' } } });
    expect(await program.exited).toBe(1);
    expect(program.stderr()).toMatch(
      /^\S+gatehouse\.yaml:1:\d+ workers: found 3 with the embedded store, [^\n]+store\.redis[^\n]+\n$/,
    );
  });

  test('one worker is the program itself', async () => {
    const program = await serve({ workers: 1 });
    expect(await askHttp({ port: program.publicPort, path: '/open/1' })).toBe(200);
    expect(await program.ops('/metrics')).not.toContain('gatehouse_workers ');
    process.kill(program.pid, 'SIGTERM');
    expect(await program.exited).toBe(0);
    expect(workersOf(program)).toEqual([]);
  });
});

function askEach(program: ServedProgram, ask: HttpAsk): Promise<readonly number[]> {
  return Promise.all(
    Array.from({ length: CONNECTIONS }, () => askHttp({ port: program.publicPort, ...ask })),
  );
}

/** Every worker that ever served. */
function workersOf(program: ServedProgram): readonly number[] {
  const told = program.log().filter(({ msg }) => msg === 'a worker serves');
  return told.map(({ worker }) => Number(worker)).toSorted((one, other) => one - other);
}

/** Processes that answered requests to this route. */
function servantsOf(program: ServedProgram, route: string): ReadonlySet<number> {
  const lines = program.log().filter((line) => line['route'] === route);
  return new Set(lines.map(({ pid }) => pid));
}
