import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { ADMIN_TOKEN } from '../support/gateway.ts';
import { HANDSHAKE } from '../support/web-socket-scene.ts';

/** Files that a process may have open; the gateway needs two for each WebSocket. */
const OPEN_FILES = Number(
  /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1],
);
const CONNECTIONS = Math.min(10_000, Math.floor((OPEN_FILES - 400) / 2));
/** Handshakes at a time. */
const ABREAST = 200;
/** Of the gateway, for a WebSocket that says nothing: two sockets and what is known of it. Bytes. */
const MOST_PER_CONNECTION = 64 * 1024;

const MAIN = path.resolve(import.meta.dirname, '../../src/main.ts');
const UPSTREAM = path.join(import.meta.dirname, 'switching-upstream.ts');

function start(script: string, args: readonly string[], folder: string): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

/** Port that a process says on standard error that it listens on, under each of these names. */
async function portsOf(child: ChildProcess, ...names: readonly string[]): Promise<readonly number[]> {
  if (child.stderr === null) throw new Error('no output');
  for await (const line of createInterface(child.stderr)) {
    const ports = names.map((name) => new RegExp(`${name} :(\\d+)`).exec(line)?.[1]);
    if (ports.includes(undefined)) continue;
    child.stderr.resume();
    return ports.map(Number);
  }
  throw new Error('it ended without the line');
}

it('ten thousand idle WebSockets cost little memory, and one revocation closes them all', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-websockets-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [upstreamPort] = await portsOf(start(UPSTREAM, [], folder), 'upstream');
  const file = path.join(folder, 'gatehouse.yaml');
  writeFileSync(
    file,
    stringify({
      listen: {
        public: '127.0.0.1:0',
        admin: '127.0.0.1:0',
        ops: '127.0.0.1:0',
      },
      store: { embedded: { path: ':memory:' } },
      admin: { tokens: [{ name: 'test', token: ADMIN_TOKEN, role: 'admin' }] },
      tenants: { acme: {} },
      upstreams: { api: { targets: [`http://127.0.0.1:${upstreamPort}`], identity: { assertion: {} } } },
      routes: [
        {
          id: 'live',
          match: { path: '/live' },
          accept: ['apiKey'],
          websocket: { origins: [] },
          upstream: 'api',
        },
      ],
    }),
  );
  const gateway = start(MAIN, ['serve', '--config', file], folder);
  const [publicPort = 0, adminPort, opsPort] = await portsOf(gateway, 'public', 'admin', 'ops');

  async function admin(target: string, body: unknown): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${adminPort}${target}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${target}: ${answer.status} ${await answer.text()}`);
    return answer.text();
  }
  async function metric(name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.slice(name.length));
  }

  const issued = await admin('/v1/keys', { tenant: 'acme', name: 'test' });
  const key = /ghk_[0-9A-Za-z]{8}_[0-9A-Za-z]{38}/.exec(issued)?.[0] ?? '';
  const lines = Object.entries({ Host: 'gw.test', 'X-API-Key': key, ...HANDSHAKE });
  const handshake = ['GET /live HTTP/1.1', ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join(
    '\r\n',
  );
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });

  async function open(): Promise<void> {
    const socket = connect({ port: publicPort, host: '127.0.0.1' });
    sockets.push(socket);
    socket.on('error', () => {});
    socket.write(handshake);
    const [head] = (await once(socket, 'data')) as [Buffer];
    if (!head.toString('latin1').startsWith('HTTP/1.1 101 ')) throw new Error(head.toString('latin1'));
  }
  async function openMany(count: number): Promise<void> {
    for (let done = 0; done < count; done += ABREAST)
      await Promise.all(Array.from({ length: Math.min(ABREAST, count - done) }, open));
  }

  await openMany(ABREAST);
  const before = await metric('process_resident_memory_bytes');
  await openMany(CONNECTIONS - ABREAST);
  expect(await metric('gatehouse_long_lived_connections{kind="websocket"}')).toBe(CONNECTIONS);
  const after = await metric('process_resident_memory_bytes');
  const each = (after - before) / (CONNECTIONS - ABREAST);

  const cpuBefore = await metric('process_cpu_seconds_total');
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const idleCpu = ((await metric('process_cpu_seconds_total')) - cpuBefore) / 5;

  const cpuIdle = await metric('process_cpu_seconds_total');
  const goodbyes = sockets.map((socket) => once(socket, 'data') as Promise<[Buffer]>);
  const began = performance.now();
  await admin(`/v1/keys/${key.slice(4, 12)}/revoke`, {});
  const acknowledged = performance.now() - began;
  const frames = await Promise.all(goodbyes);
  const closed = performance.now() - began - acknowledged;
  const cutCpu = (await metric('process_cpu_seconds_total')) - cpuIdle;
  for (const [frame] of frames) expect(frame.subarray(0, 4)).toEqual(Buffer.from([0x88, 20, 0x03, 0xf0]));
  process.stdout.write(
    `${CONNECTIONS} idle WebSockets (of ${OPEN_FILES} open files allowed): resident ${megabytes(before)} MB before, ${megabytes(after)} MB with them, ` +
      `${(each / 1024).toFixed(1)} KB each; idle CPU ${(idleCpu * 100).toFixed(1)} %; ` +
      `all told 1008 ${closed.toFixed(0)} ms after the revocation was acknowledged, ${((cutCpu / CONNECTIONS) * 1e6).toFixed(0)} µs of CPU each\n`,
  );
  expect(each).toBeLessThan(MOST_PER_CONNECTION);
  expect(closed).toBeLessThan(5_000);
  expect(await metric('gatehouse_long_lived_connections{kind="websocket"}')).toBe(0);
});

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
