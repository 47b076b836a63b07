import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { heapBytes } from '../support/heap.ts';
import { startSteadyLoad } from '../support/load.ts';
import { connectRaw, parseAnswer } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { codeOf, outcomeOf, wire } from '../support/wire.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let upstream: RawUpstream;
let gateway: TestGateway;
/** Requests to /slow that wait for their answer. */
let held: Socket[];

beforeEach(async () => {
  held = [];
  upstream = await startRawUpstream((socket, request) => {
    if (request.startLine.includes('/slow')) held.push(socket);
    else socket.write(OK);
  });
  gateway = await startTestGateway(generation(0));
});
afterEach(async () => {
  await gateway.stop();
  await upstream.close();
});

/** The same gateway each time, but for one identity field and what `changes` says. */
function generation(number: number, changes: ConfigObject = {}): ConfigObject {
  return {
    tenants: { acme: {} },
    upstreams: {
      api: {
        targets: [upstream.origin],
        identity: { fields: { 'X-Generation': `g${number}`, 'X-Tenant-Id': '{tenant.id}' } },
      },
    },
    routes: [
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api' },
      { id: 'slow', match: { path: '/slow' }, public: true, upstream: 'api' },
    ],
    ...changes,
  };
}

/** What the harness adds to a configuration stays as it is in the file. */
function fileOf(config: ConfigObject): string {
  gateway.writeConfig(config);
  return readFileSync(gateway.configFile, 'utf8');
}

async function readyz(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${gateway.gateway.opsPort}/readyz?verbose`)).text();
}

async function untilRevisionIsNot(before: string): Promise<void> {
  await eventually(() => gateway.gateway.revision() !== before, 'another revision');
}

/** Live handles by kind, without those that come and go by themselves. */
function handles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (!/TCP|FSEvent|Timeout|TLS|Pipe/.test(kind)) continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

describe('reloads', () => {
  it('put a changed log level to use at once, in both directions', async () => {
    const linesAfterRefusal = async () => {
      await gateway.raw(wire('GET /nowhere'));
      return (gateway.log().match(/request denied/g) ?? []).length;
    };
    expect(await linesAfterRefusal()).toBe(1);
    gateway.writeConfig(generation(1, { logging: { level: 'error', requests: 'all' } }));
    await gateway.gateway.reload();
    expect(await linesAfterRefusal()).toBe(1);
    gateway.writeConfig(generation(1, { logging: { level: 'info', requests: 'all' } }));
    await gateway.gateway.reload();
    expect(await linesAfterRefusal()).toBe(2);
  });

  it('200 of them under load fail no request, drop no connection and leave no handle behind', async () => {
    const { key } = await gateway.issueKey('acme');
    const load = startSteadyLoad({
      port: gateway.port,
      path: '/api/x',
      clients: 4,
      headers: { 'x-api-key': key },
    });
    await eventually(() => load.answered() > 20, 'the load to begin');
    const before = handles();
    const heapBefore = heapBytes();
    const openBefore = upstream.connections.filter(({ isClosed }) => !isClosed).length;
    for (let number = 1; number <= 190; number += 1) {
      gateway.writeConfig(generation(number));
      expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    }
    // The watch of the files notices by itself.
    for (let number = 191; number <= 200; number += 1) {
      const revision = gateway.gateway.revision();
      gateway.writeConfig(generation(number));
      await untilRevisionIsNot(revision);
    }
    const answered = load.answered();
    await eventually(() => load.answered() > answered + 20, 'the load to go on');
    const after = handles();
    const heapAfter = heapBytes();
    const openAfter = upstream.connections.filter(({ isClosed }) => !isClosed).length;
    await load.stop();

    expect([...load.outcomes.keys()]).toEqual(['200']);
    expect(load.connections()).toBe(4);
    // Generations share the connections of an upstream that stays.
    expect(openAfter).toBeLessThanOrEqual(Math.max(openBefore, 4));
    expect(upstream.connections.length).toBeLessThanOrEqual(8);
    for (const [kind, count] of Object.entries(after))
      expect(count, `${kind} after ${JSON.stringify(before)}`).toBeLessThanOrEqual((before[kind] ?? 0) + 5);
    expect(upstream.requests.at(-1)?.all('x-generation')).toEqual(['g200']);
    // What the upstream recorded is in it; a generation that stays behind is more than 1 MiB each.
    expect(heapAfter - heapBefore).toBeLessThan(100 * 1024 * 1024);
  }, 30_000);

  it('take up a ConfigMap, whose link is swapped', async () => {
    const { folder, configFile } = gateway;
    const at = (...names: readonly string[]) => path.join(folder, ...names);
    function putVersion(name: string, text: string): void {
      mkdirSync(at(name));
      writeFileSync(at(name, 'gatehouse.yaml'), text);
      symlinkSync(name, at('..data_tmp'));
      renameSync(at('..data_tmp'), at('..data'));
    }
    const second = fileOf(generation(2));
    const third = fileOf(generation(3));
    putVersion('..v1', fileOf(generation(1)));
    await gateway.gateway.reload();
    symlinkSync(path.join('..data', 'gatehouse.yaml'), at('link'));
    renameSync(at('link'), configFile);
    const { key } = await gateway.issueKey('acme');
    for (const [number, text] of [second, third].entries()) {
      const revision = gateway.gateway.revision();
      putVersion(`..v${number + 2}`, text);
      await untilRevisionIsNot(revision);
      expect((await gateway.raw(wire('GET /api/x', [`X-API-Key: ${key}`]))).status).toBe(200);
      expect(upstream.requests.at(-1)?.field('x-generation')).toBe(`g${number + 2}`);
    }
  });

  it('let a request in flight finish on the generation that it began with, even if its route is gone', async () => {
    const client = await connectRaw(gateway.port);
    client.send(wire('GET /slow'));
    await upstream.until(() => held.length === 1);
    const other = await startRawUpstream(OK);
    gateway.writeConfig(
      generation(1, {
        upstreams: { other: { targets: [other.origin] } },
        routes: [{ id: 'new', match: { path: '/new' }, public: true, upstream: 'other' }],
      }),
    );
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    expect(codeOf(await gateway.raw(wire('GET /slow')))).toBe('route_not_found');
    expect((await gateway.raw(wire('GET /new'))).status).toBe(200);

    held[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    await client.closed();
    expect(parseAnswer(client.received()).body.toString()).toBe('late');
    // Nobody needs the connections of the old generation any more.
    await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
    await other.close();
  });

  it('end the health checks of targets that nobody uses any more', async () => {
    gateway.writeConfig(
      generation(1, {
        upstreams: { api: { targets: [upstream.origin], health: { path: '/health', every: '1s' } } },
      }),
    );
    await gateway.gateway.reload();
    const checks = () => upstream.requests.filter(({ startLine }) => startLine.includes('/health')).length;
    await upstream.until(() => checks() > 0);
    const other = await startRawUpstream(OK);
    gateway.writeConfig(
      generation(2, {
        upstreams: { api: { targets: [other.origin], health: { path: '/health', every: '1s' } } },
      }),
    );
    await gateway.gateway.reload();
    const last = checks();
    await other.until(() => other.requests.length >= 2);
    expect(checks()).toBe(last);
    await other.close();
  });
});

describe('a refused configuration', () => {
  it('leaves the old one serving and says so in log, metrics, readiness and status, until it is repaired', async () => {
    const { key } = await gateway.issueKey('acme');
    const revision = gateway.gateway.revision();
    expect(await readyz()).toContain(`[+]configuration ok: revision ${revision}`);

    gateway.writeConfig(generation(1, { rutes: [], upstreams: { api: { targets: ['ftp://x'] } } }));
    // Found by the watch: nobody asks for the reload.
    await eventually(async () => (await readyz()).includes('[-]configuration'), 'the failed reload to show');

    expect(gateway.gateway.revision()).toBe(revision);
    expect((await gateway.raw(wire('GET /api/x', [`X-API-Key: ${key}`]))).status).toBe(200);
    expect(upstream.requests.at(-1)?.field('x-generation')).toBe('g0');
    const ready = await fetch(`http://127.0.0.1:${gateway.gateway.opsPort}/readyz`);
    expect(ready.status).toBe(200);
    expect(await readyz()).toContain(`revision ${revision} goes on serving`);
    const status = await gateway.admin<{ configuration: { revision: string; errors: string[] } }>(
      'GET',
      '/v1/status',
    );
    expect(status.configuration.revision).toBe(revision);
    expect(status.configuration.errors.join('\n')).toMatch(/gatehouse\.yaml:\d+:\d+.*rutes/);
    expect(status.configuration.errors.join('\n')).toContain('ftp://x');
    expect(await gateway.metrics()).toMatch(/^gatehouse_config_reloads_total\{[^}]*failed[^}]*\} 1$/m);
    expect(gateway.log()).toContain('the new configuration is refused; the old one goes on serving');
    expect(await gateway.admin('POST', '/v1/reload')).toMatchObject({ outcome: 'refused', revision });

    gateway.writeConfig(generation(2));
    await untilRevisionIsNot(revision);
    await gateway.raw(wire('GET /api/x', [`X-API-Key: ${key}`]));
    expect(upstream.requests.at(-1)?.field('x-generation')).toBe('g2');
    expect(await readyz()).toContain('[+]configuration ok');
    expect(await gateway.admin('GET', '/v1/status')).toMatchObject({ configuration: { errors: [] } });
  });

  it('that is taken back is no longer told of', async () => {
    const good = fileOf(generation(0));
    writeFileSync(gateway.configFile, 'routes: [');
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'refused' });
    expect(await readyz()).toContain('[-]configuration');
    expect(await gateway.metrics()).toMatch(/^gatehouse_config_last_reload_successful 0$/m);
    writeFileSync(gateway.configFile, good);
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'unchanged' });
    expect(await readyz()).toContain('[+]configuration ok');
    expect(await gateway.metrics()).toMatch(/^gatehouse_config_last_reload_successful 1$/m);
  });

  it('may miss a file, and is taken up when the file comes', async () => {
    const revision = gateway.gateway.revision();
    gateway.writeConfig(
      generation(1, {
        upstreams: {
          api: {
            targets: [upstream.origin],
            credentials: { basic: { username: 'gatehouse', password: '${file:late-secret}' } },
          },
        },
      }),
    );
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'refused' });
    writeFileSync(path.join(gateway.folder, 'late-secret'), 'open sesame');
    await untilRevisionIsNot(revision);
    expect(outcomeOf(await gateway.raw(wire('GET /slow-no')))).toBe('404 route_not_found');
    const { key } = await gateway.issueKey('acme');
    await gateway.raw(wire('GET /api/x', [`X-API-Key: ${key}`]));
    const basic = Buffer.from('gatehouse:open sesame').toString('base64');
    expect(upstream.requests.at(-1)?.all('authorization')).toEqual([`Basic ${basic}`]);
  });
});

describe('a changed setting that is read only once', () => {
  it('is named in the log, and everything else takes effect', async () => {
    gateway.writeConfig(
      generation(7, {
        limits: { keepAlive: '7s', target: '1KiB' },
        assertionKeys: { rotateEvery: '2d' },
        audit: { requests: 'all', keep: 5000 },
      }),
    );
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    const line = gateway
      .log()
      .split('\n')
      .find((each) => each.includes('need a restart'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({
      settings: ['assertionKeys', 'audit.keep', 'limits.keepAlive'],
    });
    expect(outcomeOf(await gateway.raw(wire(`GET /slow?${'x'.repeat(1024)}`)))).toBe('414 target_too_long');
  });
});
