import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import path from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ConfigObject } from '../support/gateway.ts';
import { type HoldingGateway, startHoldingGateway } from '../support/holding-gateway.ts';
import { ask, connectHttp2, readAnswer, tlsListener } from '../support/http2-client.ts';
import {
  connectFrames,
  END_HEADERS,
  END_STREAM,
  ERRORS,
  FRAMES,
  frame,
  headers,
} from '../support/http2-frames.ts';

const tls = tlsListener();
afterAll(() => tls.authority.remove());

interface Scene extends HoldingGateway {
  readonly open: () => Promise<ClientHttp2Session>;
}

async function scene(changes: ConfigObject = {}): Promise<Scene> {
  const holding = await startHoldingGateway({ listen: tls.listen, ...changes }, { files: tls.files });
  return { ...holding, open: () => connectHttp2(holding.gateway.port, tls.authority.ca) };
}

/** Name of the certificate. */
function shown(session: ClientHttp2Session): string {
  return String((session.socket as TLSSocket).getPeerCertificate().subject.CN);
}

const LATE = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate';
const GET = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/x'],
  [':authority', 'gw.test'],
] as const;
const SLOW = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/slow'],
  [':authority', 'gw.test'],
] as const;

describe('a gateway that is told to stop', () => {
  it('tells clients of HTTP/2, takes what is on its way, finishes what is in flight, and closes', async () => {
    const { gateway, upstream, held, open } = await scene({ shutdown: { drain: '6s' } });
    const idle = await open();
    const busy = await open();
    const slow = Promise.all(Array.from({ length: 20 }, () => ask(busy, { ':path': '/slow' })));
    await upstream.until(() => held.length === 20);
    const began = performance.now();
    const notices: (readonly number[])[] = [];
    busy.on('goaway', (code, last) => notices.push([code, last]));
    const told = once(busy, 'goaway');
    const stopped = gateway.gateway.stop();
    await told;
    for (const socket of held) socket.write(LATE);
    expect((await slow).map(({ body }) => body.toString())).toEqual(Array.from({ length: 20 }, () => 'late'));
    if (!idle.destroyed) await once(idle, 'close');
    if (!busy.destroyed) await once(busy, 'close');
    await stopped;
    expect(notices[0]).toEqual([ERRORS.none, 2 ** 31 - 1]);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect(gateway.log()).not.toContain('were cut');
  });

  it('loses no request of clients under load that open new connections when they are told', async () => {
    const { gateway, open } = await scene({ shutdown: { drain: '6s' } });
    const outcomes: unknown[] = [];
    let isStopping = false;
    let turn = 0;
    async function load(): Promise<void> {
      let session = await open();
      let toldAt = Number.NaN;
      for (;;) {
        if (session.closed || session.destroyed) {
          if (isStopping) return;
          session = await open();
        }
        session.once('goaway', () => (toldAt = turn));
        const askedAt = turn;
        const batch = Array.from({ length: 10 }, () => ask(session, { ':path': '/x' }));
        for (const outcome of await Promise.allSettled(batch)) {
          // What is asked for in the turn in which the notice comes never leaves the client.
          const hasLeft = !(toldAt - askedAt <= 1);
          if (outcome.status === 'fulfilled') outcomes.push(outcome.value.status);
          else if (hasLeft) outcomes.push(String(outcome.reason));
        }
      }
    }
    const loads = Promise.all([load(), load(), load()]);
    let counting = setImmediate(function count() {
      turn += 1;
      counting = setImmediate(count);
    });
    while (outcomes.length < 200) await new Promise((resolve) => setImmediate(resolve));
    isStopping = true;
    await gateway.gateway.stop();
    await loads;
    clearImmediate(counting);
    expect(new Set(outcomes)).toEqual(new Set([200]));
  });

  it('cuts what does not finish in time', async () => {
    const { gateway, upstream, held, open } = await scene({ shutdown: { drain: '200ms' } });
    const session = await open();
    const slow = ask(session, { ':path': '/slow' });
    const failed = expect(slow).rejects.toThrow();
    await upstream.until(() => held.length === 1);
    await gateway.gateway.stop();
    await failed;
    expect(gateway.log()).toContain('connections were cut');
    await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
  });
});

describe('a connection', () => {
  it('that says nothing is closed after the time for a head', async () => {
    const { gateway } = await scene({ limits: { headerTimeout: '300ms' } });
    const client = await connectFrames(gateway.port);
    expect(await client.goaway()).toBe(ERRORS.none);
    await client.closed();
  });

  it('is given up when the client does not close its side', async () => {
    const { gateway } = await scene({ limits: { headerTimeout: '100ms' } });
    const client = await connectFrames(gateway.port, { allowHalfOpen: true });
    await once(client.socket, 'end');
    const pings = setInterval(() => client.send(frame(FRAMES.ping, 0, 0, Buffer.alloc(8))), 20);
    onTestFinished(() => clearInterval(pings));
    await client.closed();
  });

  it('that never finishes a head is closed too', async () => {
    const { gateway } = await scene({ limits: { headerTimeout: '300ms' } });
    const client = await connectFrames(gateway.port);
    client.send(headers(1, GET, END_STREAM));
    await client.closed();
  });

  it('is closed when it was idle for limits.keepAlive, however often it pings, and not while a request waits', async () => {
    const { upstream, held, open } = await scene({ limits: { keepAlive: '300ms' } });
    const session = await open();
    const pings = setInterval(() => session.destroyed || session.ping(() => undefined), 50);
    onTestFinished(() => clearInterval(pings));
    const slow = ask(session, { ':path': '/slow' });
    await upstream.until(() => held.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    held[0]?.write(LATE);
    expect((await slow).body.toString()).toBe('late');
    const began = performance.now();
    await once(session, 'close');
    expect(performance.now() - began).toBeGreaterThan(200);
  });

  it('has as many requests at a time as limits.http2Streams says', async () => {
    const { upstream, held, open } = await scene({ limits: { http2Streams: 3 } });
    const session = await open();
    if (session.remoteSettings.maxConcurrentStreams !== 3) await once(session, 'remoteSettings');
    const answers = Promise.all(Array.from({ length: 7 }, () => ask(session, { ':path': '/slow' })));
    for (let answered = 0; answered < 7; answered += 1) {
      await upstream.until(() => held.length > answered);
      expect(held.length - answered).toBeLessThanOrEqual(3);
      held[answered]?.write(LATE);
    }
    expect((await answers).map(({ status }) => status)).toEqual(Array.from({ length: 7 }, () => 200));
  });

  it('keeps its certificate, and new ones get the renewed', async () => {
    const { gateway, open } = await scene();
    const kept = await open();
    const { cert, key } = tls.authority.issue('renewed', ['DNS:gw.test']);
    for (const [name, text] of [
      ['tls.pem', cert],
      ['tls.key', key],
    ] as const) {
      writeFileSync(path.join(gateway.folder, `${name}.new`), text);
      renameSync(path.join(gateway.folder, `${name}.new`), path.join(gateway.folder, name));
    }
    await gateway.gateway.reload();
    const renewed = await open();
    expect([shown(kept), shown(renewed)]).toEqual(['gw', 'renewed']);
    expect((await ask(kept, { ':path': '/x' })).status).toBe(200);
    expect((await ask(renewed, { ':path': '/x' })).status).toBe(200);
  });

  it('that breaks the protocol is told, closed and recorded; others are not', async () => {
    const { gateway, open } = await scene();
    const session = await open();
    const client = await connectFrames(gateway.port);
    client.send(headers(2, GET, END_HEADERS | END_STREAM));
    expect(await client.goaway()).not.toBe(ERRORS.none);
    await client.closed();
    expect(await gateway.audited(({ code }) => code === 'request_malformed')).toMatchObject({
      decision: 'denied',
      peer: '127.0.0.1',
      reason: 'Protocol error',
    });
    expect((await ask(session, { ':path': '/x' })).status).toBe(200);
  });

  it('that is lost ends its requests at the upstream', async () => {
    const { upstream, held, gateway } = await scene();
    const client = await connectFrames(gateway.port);
    for (const stream of [1, 3, 5]) client.send(headers(stream, SLOW, END_HEADERS | END_STREAM));
    await upstream.until(() => held.length === 3);
    client.socket.destroy();
    await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
    expect(gateway.log()).not.toContain('"level":50');
  });
});

describe('listen.public.http2', () => {
  it('set to false leaves HTTP/1.1 alone', async () => {
    const { gateway } = await scene({
      listen: { ...tls.listen, public: { ...(tls.listen['public'] as ConfigObject), http2: false } },
    });
    await expect(connectFrames(gateway.port)).rejects.toThrow(/no application protocol/i);
  });
});

describe('an event stream', () => {
  it('ends in order when the gateway stops, and holds nothing up', async () => {
    const { gateway, upstream, held, open } = await scene({ shutdown: { drain: '6s' } });
    const session = await open();
    const stream = session.request({ ':path': '/slow', ':authority': 'gw.test' });
    await upstream.until(() => held.length === 1);
    held[0]?.write(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
    );
    const answer = readAnswer(stream);
    await once(stream, 'data');
    const began = performance.now();
    await gateway.gateway.stop();
    expect((await answer).body.toString()).toBe('data: 1\n\n');
    expect((await answer).resetCode).toBe(0);
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});
