import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type AttackedGateway, startAttackedGateway } from '../support/attacked-gateway.ts';
import { ask, connectHttp2, tlsListener } from '../support/http2-client.ts';
import {
  connectFrames,
  data,
  END_HEADERS,
  END_STREAM,
  ERRORS,
  type Field,
  FRAMES,
  type FrameClient,
  frame,
  headers,
  literal,
  reset,
} from '../support/http2-frames.ts';
import { connectRaw, parseAnswer } from '../support/raw-client.ts';

const tls = tlsListener();
const WHOLE = END_HEADERS | END_STREAM;
let attacked: AttackedGateway;
/** The same without TLS. */
let plain: AttackedGateway;

beforeAll(async () => {
  attacked = await startAttackedGateway(
    (config) => ({
      ...config,
      listen: tls.listen,
      clients: {
        shop: {
          secretDigest: `sha256:${createHash('sha256').update('secret').digest('hex')}`,
          grants: ['client_credentials'],
          tenants: ['acme'],
        },
      },
      // What node:http2 does not end by itself ends by these.
      limits: { failedCredentials: '1000/s', headerTimeout: '2s', bodyIdle: '1s', keepAlive: '2s' },
    }),
    { files: tls.files },
  );
  plain = await startAttackedGateway();
});
afterAll(async () => {
  await attacked.close();
  await plain.close();
  tls.authority.remove();
});
beforeEach(() => attacked.forget());

async function open(): Promise<FrameClient> {
  const client = await connectFrames(attacked.gateway.port);
  onTestFinished(() => void client.socket.destroy());
  return client;
}

function head(changes: Readonly<Record<string, string>> = {}, ...fields: readonly Field[]): Field[] {
  const pseudo = {
    ':method': 'POST',
    ':scheme': 'https',
    ':path': '/public/x',
    ':authority': 'gw.test',
    ...changes,
  };
  return [...Object.entries(pseudo).filter(([, value]) => value !== ''), ...fields];
}

/** A request in order on the same connection, which is answered; nothing else has reached the upstream. */
async function expectOthersServed(client: FrameClient, stream = 101): Promise<void> {
  client.send(headers(stream, head({ ':method': 'GET', ':path': '/public/after' }), WHOLE));
  await client.frame(({ type, stream: of }) => type === FRAMES.data && of === stream);
  expect(attacked.upstream.requests.map(({ startLine }) => startLine)).toEqual([
    'GET /public/after HTTP/1.1',
  ]);
}

async function statusOf(client: FrameClient, stream: number): Promise<string> {
  const { payload } = await client.frame(({ type, stream: of }) => type === FRAMES.headers && of === stream);
  return statusIn(payload);
}

/** `:status` is the first field of an answer: indexed (RFC 7541 appendix A), or a literal of three digits, plain or by Huffman. */
function statusIn(block: Buffer): string {
  const indexed: Readonly<Record<number, string>> = { 0x88: '200', 0x89: '204', 0x8c: '400', 0x8d: '404' };
  return indexed[block.readUInt8(0)] ?? 'other';
}

describe('H09 :authority and Host', () => {
  it.each([
    ['another Host', head({}, ['host', 'evil.test'])],
    ['another tenant', head({ ':authority': 'acme.gw.test' }, ['host', 'globex.gw.test'])],
    ['the same Host and another', head({}, ['host', 'gw.test'], ['host', 'evil.test'])],
    ['another port', head({}, ['host', 'gw.test:8443'])],
    ['two Hosts and no :authority', head({ ':authority': '' }, ['host', 'gw.test'], ['host', 'gw.test'])],
    ['neither', head({ ':authority': '' })],
    ['a list', head({ ':authority': 'acme.gw.test,globex.gw.test' })],
  ])('with %s are refused, and nothing is sent', async (_, fields) => {
    const client = await open();
    client.send(headers(1, fields, WHOLE));
    const first = await client.frame(
      ({ type, stream }) => stream === 1 && (type === FRAMES.headers || type === FRAMES.reset),
    );
    if (first.type === FRAMES.headers) {
      expect(statusIn(first.payload)).toBe('400');
      await attacked.gateway.audited(({ code }) => code === 'host_invalid');
    } else expect(first.payload.readUInt32BE(0)).toBe(ERRORS.protocol);
    await expectOthersServed(client);
  });

  it.each([
    ['a Host that says the same', head({}, ['host', 'gw.test'])],
    ['a Host alone', head({ ':authority': '' }, ['host', 'gw.test'])],
  ])('with %s are one Host', async (_, fields) => {
    const client = await open();
    client.send(headers(1, fields, WHOLE));
    expect(await statusOf(client, 1)).toBe('200');
    expect(attacked.upstream.requests[0]?.all('x-forwarded-host')).toEqual(['gw.test']);
    expect(attacked.upstream.requests[0]?.all('host')).toEqual([attacked.upstream.authority]);
  });

  it('with a scheme that lies, the connection decides', async () => {
    const client = await open();
    client.send(headers(1, head({ ':scheme': 'http' }), WHOLE));
    expect(await statusOf(client, 1)).toBe('200');
    expect(attacked.upstream.requests[0]?.all('x-forwarded-proto')).toEqual(['https']);
  });
});

describe('F18 a request that HTTP/2 forbids', () => {
  it.each<[string, Field[]]>([
    ['Connection', head({}, ['connection', 'close'])],
    ['Keep-Alive', head({}, ['keep-alive', 'timeout=5'])],
    ['Proxy-Connection', head({}, ['proxy-connection', 'keep-alive'])],
    ['Transfer-Encoding', head({}, ['transfer-encoding', 'chunked'])],
    ['Upgrade', head({}, ['upgrade', 'websocket'])],
    ['TE other than trailers', head({}, ['te', 'gzip'])],
    ['a name in capitals', head({}, ['X-Tenant-Id', 'globex'])],
    ['CR LF in the path', head({ ':path': '/public/x HTTP/1.1\r\nX-Tenant-Id: globex' })],
    ['CR LF in the method', head({ ':method': 'GET /admin HTTP/1.1\r\nx: ' })],
    ['CR LF in the authority', head({ ':authority': 'gw.test\r\nx-tenant-id: globex' })],
    ['a space in the path', head({ ':path': '/public/x HTTP/1.1' })],
    ['two paths', head({}, [':path', '/api/admin'])],
    ['a pseudo-header field behind others', [['x-a', 'b'], ...head()]],
    ['a pseudo-header field that is none', head({}, [':tenant', 'globex'])],
    ['the status of an answer', head({}, [':status', '200'])],
    ['no path', head({ ':path': '' })],
    ['no scheme', head({ ':scheme': '' })],
    ['an absolute path', head({ ':path': 'https://gw.test/public/x' })],
    ['userinfo', head({ ':authority': 'acme@gw.test' })],
    ['WebSockets by extended CONNECT', head({ ':method': 'CONNECT' }, [':protocol', 'websocket'])],
    ['two lengths', head({}, ['content-length', '3'], ['content-length', '3'])],
    ['a length with a sign', head({}, ['content-length', '+3'])],
    ['a length and no body', head({}, ['content-length', '3'])],
  ])(
    'by %s is reset; nothing is sent, and the other requests of the connection are served',
    async (_, fields) => {
      const client = await open();
      client.send(headers(1, fields, WHOLE));
      expect(await client.resetOf(1)).toBe(ERRORS.protocol);
      await expectOthersServed(client);
    },
  );

  it.each<[string, Field]>([
    ['CR LF in a value', ['x-api-key', 'x\r\nx-tenant-id: globex']],
    ['LF in a value', ['x-a', 'b\nx-tenant-id: globex']],
    ['NUL in a value', ['x-a', 'b\0globex']],
    ['CR LF in a name', ['x-a: b\r\nx-tenant-id', 'globex']],
    ['a colon in a name', ['x-tenant-id:', 'globex']],
    ['a space in a name', ['x-tenant-id ', 'globex']],
    ['white space around a value', ['x-a', ' globex']],
    ['an empty name', ['', 'globex']],
  ])('by %s: the field neither decides nor is forwarded', async (_, field) => {
    const client = await open();
    client.send(headers(1, head({}, field, ['x-b', 'kept']), WHOLE));
    expect(await statusOf(client, 1)).toBe('200');
    const [request] = attacked.upstream.requests;
    expect(request?.all('x-b')).toEqual(['kept']);
    expect(request?.head).not.toContain('globex');
    expect(request?.head.split('\r\n').every((line) => !line.includes('\n') && !line.includes('\0'))).toBe(
      true,
    );
    client.send(headers(3, head({ ':path': '/api/x', ':authority': 'acme.gw.test' }, field), WHOLE));
    await client.frame(({ type, stream }) => type === FRAMES.data && stream === 3);
    expect(attacked.upstream.requests).toHaveLength(1);
  });

  it.each([
    ['fewer bytes than it says', 10, [data(1, 'abc', END_STREAM)]],
    ['fewer, in two frames', 10, [data(1, 'abc'), data(1, 'def', END_STREAM)]],
    ['no bytes', 10, [data(1, '', END_STREAM)]],
    ['more bytes than it says', 3, [data(1, 'abcdef', END_STREAM)]],
    ['more, in two frames', 3, [data(1, 'abc'), data(1, 'GET /public/smuggled', END_STREAM)]],
    ['bytes where it says none', 0, [data(1, 'GET /public/smuggled', END_STREAM)]],
    ['trailers where bytes are missing', 10, [data(1, 'abc'), headers(1, [['x-a', 'b']], WHOLE)]],
    ['a reset without an error', 10, [data(1, 'abc'), reset(1, ERRORS.none)]],
  ])('with a short body of %s never reaches the upstream', async (_, length, frames) => {
    const client = await open();
    client.send(
      headers(1, head({ ':path': '/public/short' }, ['content-length', String(length)])),
      ...frames,
    );
    if (!_.startsWith('a reset')) {
      await client.frame(
        ({ type, stream }) => type === FRAMES.goaway || (type === FRAMES.reset && stream === 1),
      );
    }
    await attacked.gateway.audited(({ path }) => path === '/public/short');
    expect(attacked.upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
    if (length > 0) attacked.expectNothingSent();
    const again = await open();
    await expectOthersServed(again);
  });

  it.each([
    [
      'a length that does not come',
      ['content-length', '100000'] as const,
      data(1, 'x'.repeat(2_000), END_STREAM),
    ],
    ['a length and a reset without an error', ['content-length', '100000'] as const, reset(1, ERRORS.none)],
    ['no length and a reset without an error', ['x-a', 'b'] as const, reset(1, ERRORS.none)],
    ['no length and a reset', ['x-a', 'b'] as const, reset(1, ERRORS.cancel)],
    [
      'no length, and trailers that name a path',
      ['x-a', 'b'] as const,
      headers(1, [[':path', '/api/admin']], WHOLE),
    ],
  ])('with a long body of %s is broken off at the upstream, never whole there', async (_, field, end) => {
    const client = await open();
    client.send(
      headers(1, head({ ':path': '/public/long' }, field)),
      data(1, 'x'.repeat(10_000)),
      data(1, 'x'.repeat(10_000)),
    );
    await attacked.upstream.until(() => (attacked.upstream.requests[0]?.body.length ?? 0) >= 16_000);
    client.send(end);
    const { connection } = attacked.upstream.requests[0] ?? {};
    await attacked.upstream.until(() => attacked.upstream.connections[connection ?? -1]?.isClosed === true);
    expect(attacked.upstream.requests.map(({ isComplete }) => isComplete)).toEqual([false]);
    attacked.forget();
    await expectOthersServed(client);
  });

  it.each([
    ['that is whole', END_STREAM, [], 'admitted'],
    ['that is taken back', 0, [reset(1, ERRORS.none)], 'request_timeout'],
  ])('with a body %s is a call of an endpoint of the gateway, or none', async (_, flags, frames, code) => {
    const began = Date.now();
    const client = await open();
    const fields: Field[] = [
      ['content-type', 'application/x-www-form-urlencoded'],
      ['authorization', `Basic ${Buffer.from('shop:secret').toString('base64')}`],
    ];
    client.send(
      headers(1, head({ ':path': '/oauth/token' }, ...fields)),
      data(1, 'grant_type=client_credentials', flags),
      ...frames,
    );
    const record = await attacked.gateway.audited(
      ({ path, at }) => path === '/oauth/token' && Date.parse(at) >= began,
    );
    expect(record.code).toBe(code);
  });

  it('has no trailers: they neither decide nor are forwarded', async () => {
    const client = await open();
    client.send(
      headers(1, head()),
      data(1, 'abc'),
      headers(
        1,
        [
          ['x-tenant-id', 'globex'],
          ['authorization', 'Bearer x'],
        ],
        WHOLE,
      ),
    );
    expect(await statusOf(client, 1)).toBe('200');
    const [request] = attacked.upstream.requests;
    expect([request?.body.toString(), request?.trailers]).toEqual(['abc', '']);
    expect(request?.head).not.toContain('globex');
  });

  it.each(['FOO', 'PRI'])('by the method %s, which HTTP/1.1 would not take, is refused', async (method) => {
    const client = await open();
    client.send(headers(1, head({ ':method': method }), WHOLE));
    expect(await statusOf(client, 1)).toBe('400');
    expect(await attacked.gateway.audited((record) => record.method === method)).toMatchObject({
      code: 'request_malformed',
    });
    await expectOthersServed(client);
  });

  it.each([
    ['CONNECT', { ':method': 'CONNECT', ':scheme': '', ':path': '' }],
    ['TRACE', { ':method': 'TRACE' }],
    ['TRACK', { ':method': 'TRACK' }],
  ])('by %s is refused', async (method, changes) => {
    const client = await open();
    client.send(headers(1, head(changes), method === 'CONNECT' ? END_HEADERS : WHOLE));
    expect(await statusOf(client, 1)).toBe('other');
    expect(await attacked.gateway.audited((record) => record.method === method)).toMatchObject({
      code: 'method_not_allowed',
      status: 405,
    });
    await expectOthersServed(client);
  });
});

describe('F18 what is stripped from a request by HTTP/1.1', () => {
  it('is stripped by HTTP/2 too', async () => {
    const session = await connectHttp2(attacked.gateway.port, tls.authority.ca);
    await ask(session, {
      ':path': '/public/x',
      'x-tenant-id': 'globex',
      x_tenant_id: 'globex',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-host': 'globex.gw.test',
      'http2-settings-x': 'kept',
      'proxy-authorization': 'globex',
      'x-original-url': '/globex',
    });
    const [request] = attacked.upstream.requests;
    expect(request?.field('http2-settings-x')).toBe('kept');
    expect(request?.head).not.toContain('globex');
    expect(request?.all('x-forwarded-for')).toEqual(['127.0.0.1']);
  });

  it('is refused by HTTP/2 too: paths, credentials, sizes', async () => {
    const session = await connectHttp2(attacked.gateway.port, tls.authority.ca);
    const statusFor = async (fields: Record<string, string | string[]>) =>
      (await ask(session, fields)).status;
    expect(await statusFor({ ':path': '/public/../api/admin' })).toBe(400);
    expect(await statusFor({ ':path': '/public/%2e%2e/api/admin' })).toBe(400);
    expect(await statusFor({ ':path': '/public/x#/../admin' })).toBe(400);
    expect(await statusFor({ ':path': '/api/x', ':authority': 'acme.gw.test' })).toBe(401);
    expect(
      await statusFor({ ':path': '/api/x', ':authority': 'globex.gw.test', 'x-api-key': attacked.acme.key }),
    ).toBe(403);
    expect(await statusFor({ ':path': `/public/${'a'.repeat(9_000)}` })).toBe(414);
    expect(
      await statusFor(
        Object.fromEntries([
          [':path', '/public/x'],
          ...Array.from({ length: 201 }, (_, index) => [`x-${index}`, 'a']),
        ]),
      ),
    ).toBe(431);
    attacked.expectNothingSent();
  });
});

describe('F19 HTTP/2 without TLS', () => {
  it('is not spoken, neither by an upgrade nor by prior knowledge', async () => {
    const request =
      'GET /public/x HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n';
    plain.forget();
    const answer = await plain.gateway.raw(request);
    expect([answer.status, answer.field('upgrade')]).toEqual([200, undefined]);
    const [forwarded] = plain.upstream.requests;
    expect(forwarded?.head).not.toMatch(/upgrade|http2-settings|h2c/i);
    const client = await connectRaw(plain.gateway.port);
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await client.closed();
    expect(parseAnswer(client.received()).status).toBe(400);
  });

  it('is not spoken over TLS either, where the client did not choose it', async () => {
    const socket = connectTls({
      port: attacked.gateway.port,
      host: '127.0.0.1',
      ca: tls.authority.ca,
      servername: 'gw.test',
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(false);
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect(bytes.toString('latin1')).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
  });

  it('cannot be feigned by a version in HTTP/1', async () => {
    for (const version of ['HTTP/2', 'HTTP/2.0']) {
      const answer = await plain.gateway.raw(`GET /public/x ${version}\r\nHost: gw.test\r\n\r\n`);
      expect(answer.status).toBe(400);
    }
  });
});

describe('a flood by HTTP/2', () => {
  it('of requests that are taken back at once ends the connection (CVE-2023-44487)', async () => {
    const client = await open();
    for (let stream = 1; stream < 4_000; stream += 2)
      client.send(headers(stream, head({ ':path': '/public/flood' }), WHOLE), reset(stream, ERRORS.cancel));
    await client.closed();
    expect(attacked.upstream.requests.length).toBeLessThan(500);
    await expectOthersServedAnew();
  });

  it.each([
    ['are taken back', (stream: number) => reset(stream, ERRORS.cancel)],
    [
      'the server is made to reset (CVE-2025-8671)',
      (stream: number) => headers(stream, [[':path', '/x']], WHOLE),
    ],
  ])('of requests that %s, a few at a time, ends the connection', async (_, end) => {
    const began = Date.now();
    const client = await open();
    let stream = 1;
    const timer = setInterval(() => {
      for (let count = 0; count < 10; count += 1) {
        client.send(headers(stream, head({ ':path': '/public/flood' })), end(stream));
        stream += 2;
      }
    }, 5);
    onTestFinished(() => clearInterval(timer));
    await client.closed();
    clearInterval(timer);
    await expectFloodRecorded(began, 'too many requests were taken back or broken');
    await expectOthersServedAnew();
  });

  it.each([
    ['PING', frame(FRAMES.ping, 0, 0, Buffer.alloc(8))],
    ['SETTINGS', frame(FRAMES.settings, 0, 0)],
  ])('of %s frames ends the connection', async (_, one) => {
    const began = Date.now();
    const client = await open();
    client.send(headers(1, head({ ':path': '/public/flood' })));
    const burst = Buffer.concat(Array.from({ length: 100 }, () => one));
    const timer = setInterval(() => client.send(burst), 5);
    onTestFinished(() => clearInterval(timer));
    await client.closed();
    await expectFloodRecorded(began, 'too many PING or SETTINGS frames');
    await expectOthersServedAnew();
  });

  it('of empty DATA frames is no body, holds nobody up, and comes to an end', async () => {
    const client = await open();
    client.send(headers(1, head({ ':path': '/public/flood' })));
    const burst = Buffer.concat(Array.from({ length: 100 }, () => data(1, '')));
    const timer = setInterval(() => client.send(burst), 5);
    onTestFinished(() => clearInterval(timer));
    await attacked.gateway.audited(({ path }) => path === '/public/flood');
    expect(attacked.upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
    await expectOthersServedAnew();
  });

  it('of CONTINUATION frames ends the connection', async () => {
    const client = await open();
    client.send(headers(1, head(), 0));
    for (let count = 0; count < 50; count += 1)
      client.send(frame(FRAMES.continuation, 0, 1, literal(['x-a', 'b'])));
    expect(await client.goaway()).not.toBe(ERRORS.none);
    await client.closed();
    await expectOthersServedAnew();
  });

  it('of fields is refused, whether or not the client has heard of the limit', async () => {
    const client = await open();
    client.send(
      headers(1, head(), 0 | END_STREAM),
      ...Array.from({ length: 6 }, () =>
        frame(FRAMES.continuation, 0, 1, literal(['x-a', 'a'.repeat(16_000)])),
      ),
      frame(FRAMES.continuation, END_HEADERS, 1),
    );
    const first = await client.frame(
      ({ type, stream }) => stream === 1 && (type === FRAMES.headers || type === FRAMES.reset),
    );
    if (first.type === FRAMES.headers)
      await attacked.gateway.audited(({ code }) => code === 'fields_too_large');
    attacked.expectNothingSent();
    await expectOthersServed(client);
  });

  it('of requests at a time is bounded by the connection', async () => {
    const client = await open();
    for (let stream = 1; stream < 2 * 150; stream += 2)
      client.send(headers(stream, head({ ':path': '/public/many' })));
    const refused = await client.frame(({ type }) => type === FRAMES.reset || type === FRAMES.goaway);
    expect([FRAMES.reset, FRAMES.goaway]).toContain(refused.type);
    const taken = attacked.upstream.requests.length;
    expect(taken).toBeLessThanOrEqual(100);
    client.socket.destroy();
    await expectOthersServedAnew();
  });
});

async function expectFloodRecorded(began: number, reason: string): Promise<void> {
  const record = await attacked.gateway.audited(
    (each) => each.reason === reason && Date.parse(each.at) >= began,
  );
  expect(record).toMatchObject({ decision: 'denied', code: 'request_malformed', peer: '127.0.0.1' });
}

/** Of the flood itself, something may still be on its way. */
async function expectOthersServedAnew(): Promise<void> {
  const client = await open();
  client.send(headers(1, head({ ':method': 'GET', ':path': '/public/after' }), WHOLE));
  await client.frame(({ type, stream }) => type === FRAMES.data && stream === 1);
}
