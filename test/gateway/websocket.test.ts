import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { WebSocket } from 'ws';
import { eventually } from '../support/authentication.ts';
import { startTestGateway } from '../support/gateway.ts';
import { connectRaw, type RawClient } from '../support/raw-client.ts';
import { type RawHandler, type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { closingOf, dial, ORIGIN, webSocketConfig, webSocketScene } from '../support/web-socket-scene.ts';
import { codeOf } from '../support/wire.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = acceptOf(KEY);
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

function handshake(path = '/open/raw', fields: readonly string[] = []): string {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: gw.test',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${KEY}`,
    ...fields,
    '',
    '',
  ].join('\r\n');
}

/** An upstream on bare TCP behind the gateway, and a client on bare TCP. */
async function rawScene(
  answer: RawHandler | string,
): Promise<{ readonly upstream: RawUpstream; readonly client: RawClient; readonly port: number }> {
  const upstream = await startRawUpstream(answer);
  const gateway = await startTestGateway(webSocketConfig(upstream.origin));
  const client = await connectRaw(gateway.port);
  onTestFinished(async () => {
    client.close();
    await gateway.stop();
    await upstream.close();
  });
  return { upstream, client, port: gateway.port };
}

async function refusalOf(socket: WebSocket): Promise<IncomingMessage & { readonly text: string }> {
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return Object.assign(response, { text });
}

describe('a WebSocket', () => {
  it('carries messages of a megabyte both ways, byte for byte', async () => {
    const { open, upstream } = await webSocketScene();
    const socket = await open();
    const message = randomBytes(1024 * 1024);
    const arrived = once(upstream.sockets[0] ?? socket, 'message');
    socket.send(message);
    const [echo] = (await once(socket, 'message')) as [Buffer];
    expect(((await arrived) as [Buffer])[0].equals(message)).toBe(true);
    expect(echo.equals(message)).toBe(true);
  });

  it('is compressed end to end where both sides agree on it', async () => {
    const { open, upstream } = await webSocketScene({ upstream: { perMessageDeflate: { threshold: 0 } } });
    const socket = await open();
    expect(socket.extensions).toContain('permessage-deflate');
    const text = 'gatehouse '.repeat(100_000);
    socket.send(text);
    const [echo] = (await once(socket, 'message')) as [Buffer];
    expect(echo.toString()).toBe(text);
    expect(upstream.sockets[0]?.extensions).toContain('permessage-deflate');
  });

  it('has every subprotocol offered to the upstream, whose choice comes back', async () => {
    const { open, upstream } = await webSocketScene({ upstream: { handleProtocols: () => 'chat.v1' } });
    const socket = await open({ protocols: ['chat.v3', 'chat.v2', 'chat.v1'] });
    expect(upstream.requests[0]?.headers['sec-websocket-protocol']).toBe('chat.v3,chat.v2,chat.v1');
    expect(socket.protocol).toBe('chat.v1');
  });

  it('is opened from a listed Origin, and by clients that send none', async () => {
    const { open, upstream } = await webSocketScene();
    await open({ fields: { Origin: ORIGIN } });
    await open();
    expect(upstream.requests.map(({ headers }) => headers.origin)).toEqual([ORIGIN, undefined]);
  });

  it('passes the code and reason of whoever closes it', async () => {
    const { open, upstream } = await webSocketScene();
    const first = await open();
    first.close(4000, 'client');
    await eventually(() => upstream.closings.includes('4000 client'), 'the close at the upstream');
    const second = await open();
    upstream.sockets[1]?.close(4001, 'upstream');
    expect(await closingOf(second)).toMatchObject({ code: 4001, reason: 'upstream' });
  });

  it('ends on the other side when one side breaks off', async () => {
    const { open, upstream } = await webSocketScene();
    const first = await open();
    first.terminate();
    await eventually(() => upstream.closings.includes('1006'), 'the break at the upstream');
    const second = await open();
    upstream.sockets[1]?.terminate();
    expect((await closingOf(second)).code).toBe(1006);
  });

  it('stays open over a reload', async () => {
    const { open, gateway, upstream } = await webSocketScene();
    const socket = await open();
    gateway.writeConfig(webSocketConfig(upstream.origin, { limits: { target: '4KiB' } }));
    expect((await gateway.gateway.reload()).outcome).toBe('reloaded');
    socket.send('still');
    expect(String(((await once(socket, 'message')) as [Buffer])[0])).toBe('still');
  });

  it('is counted while it is open, and recorded once at its end', async () => {
    const { open, gateway, key } = await webSocketScene();
    const socket = await open({ path: '/live/counted' });
    const gauge = 'gatehouse_long_lived_connections{kind="websocket"}';
    expect(await gateway.metrics()).toContain(`${gauge} 1`);
    socket.close();
    const record = await gateway.audited(({ path }) => path === '/live/counted');
    expect(record).toMatchObject({
      decision: 'admitted',
      code: 'admitted',
      status: 101,
      credential: `key:${key.id}`,
      tenant: 'acme',
    });
    expect(record.reason).toMatch(/^the client ended it after \d+\.\d s$/);
    const text = await gateway.metrics();
    expect(text).toContain(`${gauge} 0`);
    expect(text).toContain(
      'gatehouse_long_lived_connections_closed_total{kind="websocket",reason="client"} 1',
    );
    expect(text).toContain('http_server_active_requests 0');
  });
});

describe('what comes right behind a handshake', () => {
  it('from the upstream, in one packet with its 101, reaches the client', async () => {
    const frame = '\x81\x05hello';
    const { client } = await rawScene((socket) => void socket.write(SWITCH + frame, 'latin1'));
    client.send(handshake());
    await client.until((text) => text.endsWith(`\r\n\r\n${frame}`));
    expect(client.received().toString('latin1')).toMatch(
      /^HTTP\/1\.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: /,
    );
  });

  it('from the client reaches the upstream once it has switched', async () => {
    const { client, upstream } = await rawScene((socket) => void socket.write(SWITCH, 'latin1'));
    client.send(`${handshake()}\x81\x80abcd`);
    await upstream.until(
      () => upstream.connections[0]?.received.toString('latin1').endsWith('\r\n\r\n\x81\x80abcd') === true,
    );
  });
});

describe('an upstream that does not switch', () => {
  it.each([401, 403, 404, 503])('has its %i passed on with its body', async (status) => {
    const { gateway, key } = await webSocketScene({
      upstream: { verifyClient: (_, done) => done(false, status, 'not here') },
    });
    const response = await refusalOf(dial(gateway.port, { key: key.key }));
    expect([response.statusCode, response.text]).toEqual([status, 'not here']);
    expect(response.headers.connection).toBe('close');
  });

  it('but refuses the connection is answered as 502', async () => {
    const { gateway, key } = await webSocketScene({ config: () => webSocketConfig('http://127.0.0.1:1') });
    const response = await refusalOf(dial(gateway.port, { key: key.key }));
    expect(response.statusCode).toBe(502);
    expect(JSON.parse(response.text)).toMatchObject({ code: 'upstream_unavailable' });
  });

  it.each([
    ['answers another handshake', SWITCH.replace(ACCEPT, acceptOf('other'))],
    ['switches to something else', SWITCH.replace('WebSocket\r\n', 'h2c\r\n')],
    ['breaks off', ''],
  ])('but %s is answered as 502', async (_, answer) => {
    const { client } = await rawScene((socket) => {
      if (answer === '') socket.destroy();
      else socket.write(answer, 'latin1');
    });
    client.send(handshake());
    await client.closed();
    expect(client.received().toString('latin1')).toMatch(/^HTTP\/1\.1 502 .*upstream_unavailable/s);
  });

  it('in time is answered as 504', async () => {
    const upstream = await startRawUpstream('', { isDeaf: true });
    const gateway = await startTestGateway(
      webSocketConfig(upstream.origin, {
        upstreams: { api: { targets: [upstream.origin], timeouts: { headers: '300ms' } } },
      }),
    );
    onTestFinished(async () => {
      await gateway.stop();
      await upstream.close();
    });
    const answer = await gateway.raw(handshake());
    expect([answer.status, codeOf(answer)]).toEqual([504, 'upstream_timeout']);
  });

  it('is let go of when the client leaves before its answer', async () => {
    const { client, upstream } = await rawScene(() => {});
    client.send(handshake());
    await upstream.request(0);
    client.socket.end();
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
  });
});

describe('back-pressure', () => {
  const SENT = 64 * 1024 * 1024;
  /** What sockets of the kernel and of Node hold together, generously. */
  const HELD = 24 * 1024 * 1024;

  /** Writes until nobody takes more for a while; says how much left the process. */
  async function fill(socket: Socket): Promise<number> {
    const block = Buffer.alloc(1024 * 1024);
    for (let sent = 0; sent < SENT; sent += block.length) socket.write(block);
    let before = -1;
    let stillFor = 0;
    await eventually(() => {
      const written = socket.bytesWritten - socket.writableLength;
      stillFor = written === before ? stillFor + 1 : 0;
      before = written;
      return stillFor === 50;
    }, 'the sender to be held up');
    return before;
  }

  it('holds up an upstream whose client does not read, and loses nothing', async () => {
    const { client, upstream } = await rawScene((socket) => void socket.write(SWITCH, 'latin1'));
    client.send(handshake());
    await client.until((text) => text.includes('\r\n\r\n'));
    client.socket.pause();
    const begun = client.received().length;
    const { socket } = upstream.connections[0] ?? {};
    if (socket === undefined) throw new Error('no connection');
    expect(await fill(socket)).toBeLessThan(HELD);
    let count = client.received().length - begun;
    client.socket.removeAllListeners('data').on('data', (bytes: Buffer) => {
      count += bytes.length;
    });
    client.socket.resume();
    await eventually(() => count === SENT, 'every byte');
  });

  it('holds up a client whose upstream does not read', async () => {
    const { client } = await rawScene((socket) => {
      socket.write(SWITCH, 'latin1');
      socket.pause();
    });
    client.send(handshake());
    await client.until((text) => text.includes('\r\n\r\n'));
    expect(await fill(client.socket)).toBeLessThan(HELD);
  });
});
