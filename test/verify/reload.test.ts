import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { eventually } from '../support/authentication.ts';
import { type ConfigObject, startTestGateway } from '../support/gateway.ts';
import { heapBytes } from '../support/heap.ts';
import { startSteadyLoad } from '../support/load.ts';

const RELOADS = 2_000;
/** Of a generation that were held by mistake there would be more than a MiB, since each has all these tenants. */
const TENANTS = 100;
const GROWTH_BYTES = 40 * 1024 * 1024;

function generation(number: number, origin: string): ConfigObject {
  return {
    logging: { level: 'warn', requests: 'none' },
    audit: { requests: 'denied' },
    tenants: Object.fromEntries(
      Array.from({ length: TENANTS }, (_, index) => [
        `t${index}`,
        { name: `Tenant ${index} of generation ${number}`, hosts: [`t${index}.gw.test`] },
      ]),
    ),
    upstreams: {
      api: {
        targets: [origin],
        health: { path: '/health', every: '1s' },
        identity: { fields: { 'X-Generation': `g${number}` }, assertion: {} },
      },
    },
    routes: [{ id: 'api', match: { path: '/api' }, accept: ['apiKey'], upstream: 'api' }],
  };
}

it('2,000 reloads under load fail no request and hold on to no generation', async () => {
  const upstream = createServer((_request, response) => void response.end('ok')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const connections = new Set<object>();
  upstream.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const gateway = await startTestGateway(generation(0, origin));
  onTestFinished(async () => {
    await gateway.stop();
    upstream.closeAllConnections();
    upstream.close();
  });
  const { key } = await gateway.issueKey('t1');
  const load = startSteadyLoad({
    port: gateway.port,
    path: '/api',
    clients: 8,
    headers: { 'x-api-key': key },
  });
  let warm = 0;
  let connectionsWarm = 0;
  for (let number = 1; number <= RELOADS; number += 1) {
    gateway.writeConfig(generation(number, origin));
    expect(await gateway.gateway.reload()).toMatchObject({ outcome: 'reloaded' });
    if (number !== RELOADS / 10) continue;
    warm = heapBytes();
    connectionsWarm = connections.size;
  }
  const answered = load.answered();
  await eventually(() => load.answered() > answered + 100, 'the load to go on');
  await load.stop();
  expect([...load.outcomes.keys()]).toEqual(['200']);
  expect(load.connections()).toBe(8);
  expect(connections.size).toBeLessThanOrEqual(connectionsWarm + 8);
  expect(heapBytes() - warm).toBeLessThan(GROWTH_BYTES);
}, 900_000);
