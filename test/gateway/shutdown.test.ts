import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { ConfigObject } from '../support/gateway.ts';
import { type HoldingGateway, startHoldingGateway } from '../support/holding-gateway.ts';
import { connectRaw, parseAnswer, type RawClient } from '../support/raw-client.ts';
import { wire } from '../support/wire.ts';

interface Scene extends HoldingGateway {
  readonly open: () => Promise<RawClient>;
}

async function scene(changes: ConfigObject = {}): Promise<Scene> {
  const holding = await startHoldingGateway(changes, { store: 'gatehouse.db' });
  const open = async () => {
    const client = await connectRaw(holding.gateway.port);
    onTestFinished(() => client.close());
    return client;
  };
  return { ...holding, open };
}

const KEPT = (path: string) => `GET ${path} HTTP/1.1\r\nHost: gw.test\r\n\r\n`;

async function isRefused(port: number): Promise<boolean> {
  return connectRaw(port).then(
    (client) => {
      client.close();
      return false;
    },
    () => true,
  );
}

describe('a gateway that is told to stop', () => {
  it('fails readiness first, then finishes what is in flight, refuses new connections and closes its store', async () => {
    const { gateway, held, open, upstream } = await scene({ shutdown: { delay: '300ms', drain: '5s' } });
    const { port } = gateway;
    const ops = `http://127.0.0.1:${gateway.gateway.opsPort}`;
    const slow = await open();
    slow.send(wire('GET /slow'));
    const idle = await open();
    idle.send(KEPT('/x'));
    await idle.until((text) => text.endsWith('ok'));
    await upstream.until(() => held.length === 1);
    expect((await fetch(`${ops}/readyz`)).status).toBe(200);

    const stopped = gateway.gateway.stop();
    expect((await fetch(`${ops}/readyz`)).status).toBe(503);
    expect((await fetch(`${ops}/livez`)).status).toBe(200);
    // Load balancers still send requests, since they have not looked yet.
    expect((await gateway.raw(wire('GET /x'))).status).toBe(200);
    expect(await idle.closed()).toBe('ended');
    expect(await isRefused(port)).toBe(true);
    expect((await fetch(`${ops}/readyz`)).status).toBe(503);

    held[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    await slow.closed();
    expect(parseAnswer(slow.received()).body.toString()).toBe('late');
    await stopped;
    await expect(fetch(`${ops}/livez`)).rejects.toThrow();
    expect(gateway.log()).toContain('"msg":"stopped"');
    expect(gateway.log()).not.toContain('were cut');
    // The lock on the file is gone: a successor may open it.
    await openEmbeddedStore({ path: `${gateway.folder}/gatehouse.db`, clock: Date.now }).close();
    await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
  });

  it('closes a kept connection as soon as its request in flight is answered', async () => {
    const { gateway, held, open, upstream } = await scene({ shutdown: { drain: '6s' } });
    const slow = await open();
    slow.send(KEPT('/slow'));
    await upstream.until(() => held.length === 1);
    const stopped = gateway.gateway.stop();
    const began = performance.now();
    held[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    await slow.closed();
    await stopped;
    expect(parseAnswer(slow.received()).body.toString()).toBe('late');
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(gateway.log()).not.toContain('were cut');
  });

  it('finishes an answer that has begun, although it promised to keep the connection', async () => {
    const { gateway, held, open, upstream } = await scene({ shutdown: { drain: '6s' } });
    const slow = await open();
    slow.send(KEPT('/slow'));
    await upstream.until(() => held.length === 1);
    held[0]?.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n');
    await slow.until((text) => text.includes('one'));
    const stopped = gateway.gateway.stop();
    const began = performance.now();
    held[0]?.write('3\r\ntwo\r\n0\r\n\r\n');
    await slow.closed();
    await stopped;
    expect(parseAnswer(slow.received()).body.toString()).toBe('onetwo');
    expect(slow.received().toString('latin1')).toMatch(/0\r\n\r\n$/);
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  it('cuts no answer short whose last bytes a slow client has yet to read', async () => {
    const { gateway, held, open, upstream } = await scene({ shutdown: { drain: '6s' } });
    const size = 6 * 1024 * 1024;
    const slow = await open();
    slow.send(KEPT('/slow'));
    await upstream.until(() => held.length === 1);
    slow.socket.pause();
    held[0]?.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    held[0]?.write(Buffer.alloc(size, 'x'));
    // All of it has left the upstream, or all that the gateway takes while its client does not read.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const stopped = gateway.gateway.stop();
    slow.socket.resume();
    expect(await slow.closed()).toBe('ended');
    await stopped;
    expect(parseAnswer(slow.received()).raw).toHaveLength(size);
  });

  it('lets an agent that keeps connections lose no request', async () => {
    const { gateway, held, upstream } = await scene({ shutdown: { drain: '6s' } });
    const agent = new Agent({ keepAlive: true });
    onTestFinished(() => agent.destroy());
    const sent = get({ host: '127.0.0.1', port: gateway.port, path: '/slow', agent });
    await upstream.until(() => held.length === 1);
    const stopped = gateway.gateway.stop();
    held[0]?.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate');
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    answer.resume();
    await once(answer, 'end');
    await stopped;
  });

  it('cuts what does not finish in time, says so, and does not hang', async () => {
    const { gateway, held, open, upstream } = await scene({ shutdown: { drain: '200ms' } });
    const slow = await open();
    slow.send(wire('GET /slow'));
    const half = await open();
    half.send('GET /x HTTP/1.1\r\nHost: gw');
    await upstream.until(() => held.length === 1);
    await gateway.gateway.stop();
    await slow.closed();
    await half.closed();
    expect(slow.received()).toHaveLength(0);
    expect(gateway.log()).toContain('connections were cut');
    await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
  });

  it('stops once, however often it is told to', async () => {
    const { gateway } = await scene();
    const first = gateway.gateway.stop();
    expect(gateway.gateway.stop()).toBe(first);
    await first;
    expect(gateway.log().match(/"msg":"stopped"/g)).toHaveLength(1);
  });
});
