import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ConfigObject, startTestGateway } from '../support/gateway.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

let folder: string;
let upstream: RawUpstream;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-sockets-'));
  upstream = await startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
});
afterAll(async () => {
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

const file = (name: string) => path.join(folder, name);

function config(changes: ConfigObject = {}): ConfigObject {
  return {
    listen: {
      public: `unix:${file('public.sock')}`,
      admin: '127.0.0.1:0',
      ops: `unix:${file('ops.sock')}`,
      forwardAuth: { address: `unix:${file('check.sock')}` },
      ...changes,
    },
    upstreams: {
      api: { targets: [upstream.origin], identity: { fields: { 'X-Tenant-Id': '{tenant.id}' } } },
    },
    routes: [{ id: 'status', match: { path: '/status' }, public: true, upstream: 'api' }],
  };
}

function get(
  socketPath: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  request(
    { socketPath, path: target, headers: { Host: 'gw.test', ...headers }, agent: false },
    (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    },
  )
    .on('error', reject)
    .end();
  return promise;
}

describe('listeners on socket files', () => {
  it('serve clients, metrics and proxies that ask, let the group in, and are gone at the end', async () => {
    const gateway = await startTestGateway(config());
    try {
      expect(await get(file('public.sock'), '/status')).toEqual({ status: 200, body: 'ok' });
      expect(await get(file('ops.sock'), '/livez')).toEqual({ status: 200, body: 'ok\n' });
      expect(await get(file('check.sock'), '/authz/envoy/status')).toEqual({ status: 200, body: '' });
      for (const name of ['public.sock', 'ops.sock', 'check.sock'])
        expect(statSync(file(name)).mode & 0o777).toBe(0o660);
      const received = await upstream.request(0);
      expect(received.field('x-forwarded-for')).toBeUndefined();
    } finally {
      await gateway.stop();
    }
    for (const name of ['public.sock', 'ops.sock', 'check.sock']) expect(existsSync(file(name))).toBe(false);
  });

  it('take the place of a file that a process left which was killed', async () => {
    const program = `require('node:net').createServer().listen(${JSON.stringify(file('public.sock'))}, () => process.kill(process.pid, 'SIGKILL'))`;
    const { signal } = spawnSync(process.execPath, ['-e', program], { timeout: 10_000 });
    expect(signal).toBe('SIGKILL');
    expect(existsSync(file('public.sock'))).toBe(true);
    const gateway = await startTestGateway(config());
    try {
      expect((await get(file('public.sock'), '/status')).status).toBe(200);
    } finally {
      await gateway.stop();
    }
  });

  it('leave a file alone at which somebody listens, and say so', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(file('public.sock'), resolve));
    try {
      await expect(startTestGateway(config())).rejects.toThrow(
        `unix:${file('public.sock')}: another process listens there`,
      );
    } finally {
      other.close();
    }
  });
});
