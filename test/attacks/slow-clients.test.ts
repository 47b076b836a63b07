import { once } from 'node:events';
import { type ClientHttp2Stream, connect as connectSession, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  connectFrames,
  data,
  END_HEADERS,
  END_STREAM,
  type Field,
  FRAMES,
  headers,
} from '../support/http2-frames.ts';
import { parseAnswer } from '../support/raw-client.ts';
import { SWITCH } from '../support/raw-tunnel.ts';
import type { RawHandler } from '../support/raw-upstream.ts';
import { drip, slowScene } from '../support/slow-clients.ts';
import { HANDSHAKE } from '../support/web-socket-scene.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const MEGABYTE = 1024 * 1024;

function post(framing: string): string {
  return `POST /slow/body HTTP/1.1\r\nHost: gw.test\r\n${framing}\r\n\r\n`;
}

function headOf(method: string, path: string): readonly Field[] {
  return [
    [':method', method],
    [':scheme', 'https'],
    [':authority', 'gw.test'],
    [':path', path],
  ];
}

describe('L03 a body one byte at a time', () => {
  /** Never a pause, and never the rate. */
  const limits = { bodyIdle: '400ms', bodyRate: '1kB' };

  it.each([
    ['small', 'Content-Length: 9000', 'x'],
    ['large', 'Content-Length: 9000000', 'x'],
    ['chunked', 'Transfer-Encoding: chunked', '1\r\nx\r\n'],
  ])('(%s) is answered 408, and the upstream is let go of', async (_, framing, piece) => {
    const { connect, gateway, upstream } = await slowScene({ limits, handler: OK });
    const client = await connect();
    client.send(post(framing));
    drip(20, () => client.send(piece));
    await client.until((text) => text.includes('request_timeout'));
    const answer = parseAnswer(client.received());
    expect([answer.status, answer.field('connection')]).toEqual([408, 'close']);
    const record = await gateway.auditOf(answer);
    expect(record).toMatchObject({ decision: 'denied', code: 'request_timeout' });
    expect(record.reason).toBe('the request body arrived more slowly than 1000 bytes per second');
    expect(upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
    await upstream.until(() => upstream.connections.every(({ isClosed }) => isClosed));
  });

  it('by HTTP/2 is answered 408, and the other requests of its connection go on', async () => {
    const { gateway } = await slowScene({ limits, handler: OK, isTls: true });
    const client = await connectFrames(gateway.port);
    onTestFinished(() => void client.socket.destroy());
    client.send(headers(1, headOf('POST', '/slow/body')));
    drip(20, () => client.send(data(1, 'x')));
    await gateway.audited(({ path, code }) => path === '/slow/body' && code === 'request_timeout');
    client.send(headers(3, headOf('GET', '/slow/other'), END_HEADERS | END_STREAM));
    await client.frame(({ type, stream }) => type === FRAMES.data && stream === 3);
  });

  it('passes where the route says that its bodies are streams', async () => {
    const { connect, upstream } = await slowScene({
      limits,
      handler: OK,
      route: { limits: { bodyRate: '0B' } },
    });
    const client = await connect();
    client.send(post('Transfer-Encoding: chunked'));
    let count = 0;
    // Three windows of bodyIdle.
    const stop = drip(20, () => {
      count += 1;
      client.send(count < 60 ? '1\r\nx\r\n' : '0\r\n\r\n');
      if (count === 60) stop();
    });
    await client.until((text) => text.endsWith('ok'));
    expect(upstream.requests[0]?.body).toHaveLength(59);
  });

  it('that keeps the rate is not cut, however long it takes', async () => {
    const { connect, upstream } = await slowScene({ limits, handler: OK });
    const client = await connect();
    client.send(post('Content-Length: 6000'));
    let count = 0;
    const stop = drip(20, () => {
      count += 1;
      client.send('x'.repeat(100));
      if (count === 60) stop();
    });
    await client.until((text) => text.endsWith('ok'));
    expect(upstream.requests[0]?.body).toHaveLength(6000);
  });

  it('of a refused request does not hold the connection either', async () => {
    const { connect } = await slowScene({ limits: { ...limits, keepAlive: '400ms' }, handler: OK });
    const client = await connect();
    client.send('POST /nowhere HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 60000\r\n\r\n');
    drip(20, () => client.send('x'));
    await client.closed();
    expect(parseAnswer(client.received()).status).toBe(404);
  });
});

/** An answer that no buffer between the two holds. */
const ENDLESS: RawHandler = (socket) => {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${200 * MEGABYTE}\r\n\r\n`);
  pour(socket);
};

function pour(socket: Socket): void {
  const chunk = Buffer.alloc(MEGABYTE, 'x');
  const write = () => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', write);
  write();
}

/** Takes one byte now and then. */
function sip(socket: Socket): void {
  socket.pause();
  drip(20, () => void socket.read(1));
}

describe('L03 a client that does not read', () => {
  const limits = { readIdle: '500ms' };
  /** Of the upstream, so that it is not that time which cuts. */
  const route = { timeouts: { idle: '0s' } };

  it.each([
    ['its answer', (socket: Socket) => void socket.pause()],
    ['more than a byte at a time', sip],
  ])('%s is cut, and so is the upstream', async (_, read) => {
    const { connect, cut, gateway, upstream } = await slowScene({ limits, route, handler: ENDLESS });
    const client = await connect();
    client.socket.removeAllListeners('data');
    read(client.socket);
    client.send('GET /slow/answer HTTP/1.1\r\nHost: gw.test\r\n\r\n');
    await upstream.request(0);
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
    await gateway.audited(({ path }) => path === '/slow/answer');
    expect(await cut('unread')).toBe(1);
  });

  it('the refusals that it asks for is cut', async () => {
    const body = 'x'.repeat(4096);
    const { connect, cut, upstream } = await slowScene({
      limits,
      route: { public: undefined, accept: ['apiKey'], refusal: { contentType: 'text/plain', body } },
      config: { logging: { level: 'error' } },
      handler: OK,
    });
    const client = await connect();
    client.socket.pause();
    client.send('GET /slow/refused HTTP/1.1\r\nHost: gw.test\r\n\r\n'.repeat(4000));
    await expect.poll(() => cut('unread'), { timeout: 15_000 }).toBe(1);
    expect(upstream.requests).toEqual([]);
  });

  it('its WebSocket is cut, and so is the upstream', async () => {
    const { connect, cut, upstream } = await slowScene({
      limits,
      route: { websocket: { origins: ['https://app.test'] } },
      handler(socket) {
        socket.write(SWITCH, 'latin1');
        pour(socket);
      },
    });
    const client = await connect();
    const fields = Object.entries({ Host: 'gw.test', ...HANDSHAKE }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    client.send(['GET /slow/socket HTTP/1.1', ...fields, '', ''].join('\r\n'));
    await client.until((text) => text.startsWith('HTTP/1.1 101'));
    client.socket.pause();
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
    expect(await cut('unread')).toBe(1);
  });

  it('and never opens its window by HTTP/2 loses its streams, and the upstream is let go of', async () => {
    const { cut, gateway, upstream } = await slowScene({ limits, route, handler: ENDLESS, isTls: true });
    const session = connectSession(`https://127.0.0.1:${gateway.port}`, {
      rejectUnauthorized: false,
      settings: { initialWindowSize: 0 },
    });
    session.on('error', () => undefined);
    onTestFinished(() => session.destroy());
    const streams: ClientHttp2Stream[] = Array.from({ length: 5 }, (_, number) => {
      const stream = session.request({ ':path': `/slow/${number}`, ':authority': 'gw.test' });
      stream.on('error', () => undefined);
      return stream;
    });
    await Promise.all(streams.map((stream) => once(stream, 'response')));
    await upstream.until(
      () =>
        upstream.requests.length === 5 &&
        upstream.requests.every(({ connection }) => upstream.connections[connection]?.isClosed === true),
    );
    await expect.poll(() => cut('unread')).toBe(5);
    expect(streams.map(({ rstCode }) => rstCode)).not.toContain(constants.NGHTTP2_NO_ERROR);
    expect(session.destroyed).toBe(false);
  });
});

describe('L03 a handshake of TLS', () => {
  it.each([
    ['that never begins', ''],
    ['that stops within its first message', '\x16\x03\x01\x02\x00\x01\x00'],
  ])('%s is cut, without a word', async (_, bytes) => {
    const { connect, cut } = await slowScene({
      limits: { headerTimeout: '300ms' },
      handler: OK,
      isTls: true,
    });
    const client = await connect();
    client.send(bytes);
    await client.closed();
    expect(client.received()).toHaveLength(0);
    expect(await cut('handshake')).toBe(1);
  });
});
