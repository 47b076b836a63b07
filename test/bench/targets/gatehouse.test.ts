import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { REQUEST_PATH, requestFields, requestText } from '../../../bench/load/request.ts';
import { freePort } from '../../../bench/process/ports.ts';
import {
  GATEHOUSE_VARIANTS,
  type GatehouseVariant,
  gatehouseTarget,
} from '../../../bench/targets/gatehouse.ts';
import { prepareGatehouse } from '../../../bench/targets/gatehouse-setup.ts';
import { startGateway } from '../../../src/serve/gateway.ts';
import { createLog } from '../../../src/telemetry/log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-bench-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Sends the requests of a variant, two at most, through a real gateway: the answers, and what the upstream received. */
async function exchange(variant: GatehouseVariant) {
  const forwarded: string[] = [];
  const upstream = createServer((request, response) => {
    const fields = Object.entries(request.headers).map(([name, value]) => `${name}: ${String(value)}`);
    forwarded.push([`${request.method} ${request.url}`, ...fields].join('\r\n'));
    response.end('ok');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const port = await freePort();
  const upstreamPort = (upstream.address() as AddressInfo).port;
  const target = gatehouseTarget(variant, prepareGatehouse);
  const launch = await target.prepare({ port, upstreamPort, folder });
  const gateway = await startGateway({
    file: launch.args[3] ?? '',
    env: {},
    openLog: (level) => createLog({ level, destination: path.join(folder, 'log') }),
  });
  try {
    const statusLines: string[] = [];
    for (const changes of (launch.requests ?? []).slice(0, 2)) {
      const socket = connect(port, '127.0.0.1', () => socket.write(requestText(requestFields(changes))));
      const [bytes] = await once(socket, 'data');
      statusLines.push(String(bytes).split('\r\n')[0] ?? '');
      socket.destroy();
    }
    const refusal = await fetch(`http://127.0.0.1:${port}${REQUEST_PATH}`, {
      headers: Object.fromEntries(
        Object.entries(launch.refused ?? {}).filter((field): field is [string, string] => field[1] !== null),
      ),
    });
    return { target, launch, statusLines, forwarded, refusal };
  } finally {
    await gateway.stop();
    upstream.closeAllConnections();
    upstream.close();
  }
}

test('API key and bearer token are each measured with each form of identity', () => {
  const pairs = new Set(GATEHOUSE_VARIANTS.map(({ credential, identity }) => `${credential} ${identity}`));
  for (const credential of ['apiKey', 'bearer']) {
    for (const identity of ['fields', 'assertion', 'signature'])
      expect(pairs).toContain(`${credential} ${identity}`);
  }
  expect(new Set(GATEHOUSE_VARIANTS.map(({ name }) => name)).size).toBe(GATEHOUSE_VARIANTS.length);
});

test.each(GATEHOUSE_VARIANTS)(
  '$name: the requests are admitted, and arrive with identity and without credential',
  async (variant) => {
    const { target, launch, statusLines, forwarded, refusal } = await exchange(variant);
    expect(launch.args.slice(1, 3)).toEqual(['serve', '--config']);
    expect(new Set(statusLines)).toEqual(new Set(['HTTP/1.1 200 OK']));
    expect(forwarded).toHaveLength(statusLines.length);
    expect(refusal.status).toBe(401);
    for (const head of forwarded) {
      expect(target.faultIn?.(head)).toBeUndefined();
      expect(target.faultIn?.(`${head}\r\nX-Api-Key: k`)).toBe('with the credential of the client');
      expect(target.faultIn?.(head.replaceAll('x-tenant-id', 'x-other'))).toContain('x-tenant-id');
    }
  },
);

test('the cold variant has more tokens than the gateway remembers, each another one', async () => {
  const cold = GATEHOUSE_VARIANTS.find(({ credential }) => credential === 'coldBearer');
  if (cold === undefined) throw new Error('no such variant');
  const launch = await gatehouseTarget(cold, prepareGatehouse).prepare({ port: 1, upstreamPort: 2, folder });
  const tokens = new Set(launch.requests?.map(({ Authorization }) => Authorization));
  const remembered = /entries: (\d+)/.exec(await readFile(launch.args[3] ?? '', 'utf8'))?.[1];
  // Room for those in flight on 64 connections besides.
  expect(tokens.size).toBeGreaterThan(Number(remembered) + 64);
});
