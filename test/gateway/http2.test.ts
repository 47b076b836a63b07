import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { ask, connectHttp2, readAnswer, tlsListener } from '../support/http2-client.ts';
import { type RawUpstream, type RecordedRequest, startRawUpstream } from '../support/raw-upstream.ts';

const tls = tlsListener();
const answers = new Map<string, (socket: Socket, request: RecordedRequest) => void>();
let upstream: RawUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startRawUpstream((socket, request) => {
    const target = request.startLine.split(' ')[1] ?? '';
    const answer = answers.get(target);
    if (answer === undefined) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    else answer(socket, request);
  });
  gateway = await startTestGateway(
    {
      listen: tls.listen,
      tenants: { acme: {} },
      limits: { bodyIdle: '300ms' },
      upstreams: {
        api: { targets: [upstream.origin], identity: { fields: { 'X-Tenant-Id': '{tenant.id}' } } },
      },
      routes: [
        { id: 'all', match: { path: '/**' }, public: true, upstream: 'api', timeouts: { idle: '500ms' } },
        { id: 'guarded', match: { path: '/guarded/**' }, accept: ['apiKey'], upstream: 'api' },
        {
          id: 'small',
          match: { path: '/small/**' },
          public: true,
          upstream: 'api',
          limits: { body: '100KiB' },
        },
      ],
    },
    { files: tls.files },
  );
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
  tls.authority.remove();
});
beforeEach(() => {
  answers.clear();
  upstream.requests.length = 0;
});

const open = (): Promise<ClientHttp2Session> => connectHttp2(gateway.port, tls.authority.ca);

/** A path of its own, answered with these bytes. */
let paths = 0;
function answered(answer: string | ((socket: Socket, request: RecordedRequest) => void)): string {
  paths += 1;
  const target = `/own/${paths}`;
  answers.set(target, typeof answer === 'string' ? (socket) => void socket.write(answer, 'latin1') : answer);
  return target;
}

describe('a client that chooses HTTP/2', () => {
  it('is answered, and the upstream gets the same request as by HTTP/1.1', async () => {
    const session = await open();
    expect(session.alpnProtocol).toBe('h2');
    const answer = await ask(session, { ':path': '/x?a=1', 'x-a': 'b', te: 'trailers' });
    expect([answer.status, answer.body.toString()]).toEqual([200, 'ok']);
    const socket = connectTls({
      port: gateway.port,
      host: '127.0.0.1',
      ca: tls.authority.ca,
      servername: 'gw.test',
      ALPNProtocols: ['http/1.1'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.write(
      'GET /x?a=1 HTTP/1.1\r\nhost: gw.test\r\nx-a: b\r\nTE: trailers\r\nConnection: close\r\n\r\n',
    );
    socket.resume();
    await once(socket, 'close');
    const [byHttp2, byHttp1] = upstream.requests;
    expect(byHttp2?.startLine).toBe('GET /x?a=1 HTTP/1.1');
    expect(byHttp2?.head).toBe(byHttp1?.head);
  });

  it('is refused with the same problem, and its other requests go on', async () => {
    const session = await open();
    const slow = ask(session, {
      ':path': answered(
        (socket) =>
          void setTimeout(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate'), 100),
      ),
    });
    const refused = await ask(session, { ':path': '/guarded/x' });
    expect(refused.status).toBe(401);
    expect(refused.field('www-authenticate')).toContain('ApiKey');
    expect(refused.field('content-type')).toContain('application/problem+json');
    expect(refused.names).not.toContain('connection');
    expect((await slow).body.toString()).toBe('late');
    const record = await gateway.audited(
      ({ decisionId }) => decisionId === refused.field('gatehouse-decision-id'),
    );
    expect(record).toMatchObject({
      decision: 'denied',
      code: 'credential_missing',
      peer: '127.0.0.1',
      host: 'gw.test',
    });
  });

  it('gets the keys of assertions', async () => {
    const answer = await ask(await open(), { ':path': '/.well-known/jwks.json' });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.body.toString())).toHaveProperty('keys');
  });

  it('has its cookie crumbs joined into one field', async () => {
    await ask(await open(), { ':path': '/x', cookie: ['a=1', 'b=2', 'c=3'] });
    expect(upstream.requests[0]?.all('cookie')).toEqual(['a=1; b=2; c=3']);
  });

  it('identifies itself with a key', async () => {
    const { key } = await gateway.issueKey('acme');
    expect((await ask(await open(), { ':path': '/guarded/x', 'x-api-key': key })).status).toBe(200);
    expect(upstream.requests[0]?.all('x-tenant-id')).toEqual(['acme']);
  });
});

describe('an answer by HTTP/2', () => {
  it('has its fields in lower case and order, and none of the connection', async () => {
    const target = answered(
      'HTTP/1.1 200 Fine\r\nX-B: 1\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nSet-Cookie: a=1\r\nX-A: \xe9\r\nSet-Cookie: b=2\r\nX-Content-Type-Options: nosniff\r\nx-content-type-options: nosniff\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n',
    );
    const answer = await ask(await open(), { ':path': target });
    expect(answer.names).toEqual([
      ':status',
      'x-b',
      'set-cookie',
      'x-a',
      'set-cookie',
      'x-content-type-options',
      'date',
    ]);
    expect(answer.all('set-cookie')).toEqual(['a=1', 'b=2']);
    expect(answer.field('x-a')).toBe('\xe9');
    expect(answer.body.toString()).toBe('ok');
  });

  it.each([
    ['HEAD', 200, 'Content-Length: 5\r\n', '5'],
    ['GET', 204, '', undefined],
    ['GET', 304, 'Content-Length: 5\r\n', '5'],
  ])('to %s with %i has no body', async (method, status, fields, length) => {
    const target = answered(`HTTP/1.1 ${status} X\r\n${fields}\r\n`);
    const answer = await ask(await open(), { ':path': target, ':method': method });
    expect([answer.status, answer.body.length, answer.field('content-length')]).toEqual([status, 0, length]);
  });

  it('passes early hints with their Link, and asks for a body that waits', async () => {
    const target = answered(
      'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-A: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    );
    const session = await open();
    const stream = session.request({
      ':path': target,
      ':method': 'POST',
      ':authority': 'gw.test',
      expect: '100-continue',
      'content-length': '3',
    });
    const interim: unknown[] = [];
    stream.on('continue', () => stream.end('abc'));
    stream.on('headers', (headers) => interim.push([headers[':status'], headers['link'], headers['x-a']]));
    const answer = await readAnswer(stream);
    expect(answer.status).toBe(200);
    expect(interim).toEqual([
      [100, undefined, undefined],
      [103, '</a.css>; rel=preload', undefined],
    ]);
    expect(upstream.requests[0]?.body.toString()).toBe('abc');
  });

  it.each([
    ['with a length', 'Content-Length: 50000', 'part'],
    ['without one', 'Transfer-Encoding: chunked', '4\r\npart\r\n'],
  ])(
    '%s that the upstream breaks off ends its stream with an error, and no other',
    async (_, framing, part) => {
      const session = await open();
      const target = answered((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n${part}`);
        setTimeout(() => socket.destroy(), 50);
      });
      const broken = session.request({ ':path': target, ':authority': 'gw.test' });
      await expect(readAnswer(broken)).rejects.toThrow('NGHTTP2_INTERNAL_ERROR');
      expect(await gateway.audited(({ path }) => path === target)).toMatchObject({
        code: 'upstream_unavailable',
      });
      expect((await ask(session, { ':path': '/x' })).status).toBe(200);
    },
  );

  it('before the end of the request ends the stream without an error', async () => {
    const session = await open();
    const stream = session.request({ ':path': '/guarded/x', ':method': 'POST', ':authority': 'gw.test' });
    stream.write(randomBytes(1000));
    const answer = await readAnswer(stream);
    expect([answer.status, answer.resetCode]).toEqual([401, 0]);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ status: 401 });
    expect((await ask(session, { ':path': '/x' })).status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
  });
});

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 50_000) yield bytes.subarray(at, at + 50_000);
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('bodies', () => {
  const size = 20 * 1024 * 1024;

  it.each([
    ['with a length', { 'content-length': String(size) }, 'content-length'],
    ['without one', {}, 'transfer-encoding'],
  ])(
    'of 20 MiB %s go up and come down byte for byte, several at a time',
    async (_, fields, framing) => {
      const up = randomBytes(size);
      const down = randomBytes(size);
      const target = answered((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        socket.write(down);
      });
      const session = await open();
      const both = await Promise.all(
        [1, 2].map(() => {
          const stream = session.request({
            ':path': target,
            ':method': 'POST',
            ':authority': 'gw.test',
            ...fields,
          });
          Readable.from(pieces(up)).pipe(stream);
          return readAnswer(stream);
        }),
      );
      for (const answer of both) expect(digest(answer.body)).toBe(digest(down));
      expect(upstream.requests).toHaveLength(2);
      for (const request of upstream.requests) {
        expect(digest(request.body)).toBe(digest(up));
        expect(request.field(framing)).toBeDefined();
      }
    },
    60_000,
  );

  it('over the limit are refused by what they say, and by what they are', async () => {
    const session = await open();
    const said = session.request({
      ':path': '/small/x',
      ':method': 'POST',
      ':authority': 'gw.test',
      'content-length': '200000',
    });
    expect((await readAnswer(said)).status).toBe(413);
    const sent = session.request({ ':path': '/small/x', ':method': 'POST', ':authority': 'gw.test' });
    sent.on('error', () => undefined);
    sent.write(randomBytes(200_000));
    expect((await readAnswer(sent)).status).toBe(413);
    expect(upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
  });

  it('that stop arriving are refused', async () => {
    const stream = (await open()).request({
      ':path': '/x',
      ':method': 'POST',
      ':authority': 'gw.test',
      'content-length': '10',
    });
    stream.write('abc');
    expect((await readAnswer(stream)).status).toBe(408);
  });

  it('wait for a client that reads slowly, which is cut when it stops; its other streams are not', async () => {
    let sent = 0;
    const target = answered((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = Buffer.alloc(65_536, 'x');
      const more = () => {
        while (!socket.destroyed && socket.writable) {
          sent += chunk.length;
          socket.write('10000\r\n');
          socket.write(chunk);
          if (!socket.write('\r\n')) {
            socket.once('drain', more);
            return;
          }
        }
      };
      more();
    });
    const session = await open();
    const stream = session.request({ ':path': target, ':authority': 'gw.test' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    stream.pause();
    expect((await ask(session, { ':path': '/x' })).status).toBe(200);
    await new Promise<void>((resolve) => void stream.once('close', resolve));
    // The windows of the stream, of sockets and buffers; without back-pressure it would be hundreds of megabytes.
    expect(sent).toBeLessThan(32 * 1024 * 1024);
    expect((await ask(session, { ':path': '/x' })).status).toBe(200);
    await upstream.until(() => upstream.connections.some(({ isClosed }) => isClosed));
  });
});

describe('a client that leaves', () => {
  it('by a reset ends the request at the upstream, and no other of its connection', async () => {
    const session = await open();
    const target = answered(() => undefined);
    const left = session.request({ ':path': target, ':authority': 'gw.test' });
    left.on('error', () => undefined);
    await upstream.until(() => upstream.requests.length === 1);
    const { connection } = upstream.requests[0] ?? {};
    left.close(8);
    await upstream.until(() => upstream.connections[connection ?? -1]?.isClosed === true);
    expect(await gateway.audited(({ path: at }) => at === target)).toMatchObject({
      status: 499,
      decision: 'admitted',
    });
    expect((await ask(session, { ':path': '/x' })).status).toBe(200);
  });
});

it('a hundred requests at a time, refused and answered ones mixed, are each answered as they should be', async () => {
  const session = await open();
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      switch (index % 4) {
        case 0:
          return (await ask(session, { ':path': `/x/${index}` })).status;
        case 1:
          return (await ask(session, { ':path': '/guarded/x' })).status;
        case 2:
          return (await ask(session, { ':path': '/a/../b' })).status;
        default:
          return (await ask(session, { ':path': '/x', ':method': 'POST' }, randomBytes(30_000))).status;
      }
    }),
  );
  expect(statuses).toEqual(Array.from({ length: 25 }, () => [200, 401, 400, 200]).flat());
});

it('curl speaks HTTP/2 with the gateway, both ways', async () => {
  const run = promisify(execFile);
  const { stdout } = await run('curl', [
    '--silent',
    '--http2',
    '--cacert',
    tls.authority.caPath,
    '--data-binary',
    'hello',
    '--write-out',
    ' %{http_version} %{http_code}',
    `https://127.0.0.1:${gateway.port}/curl`,
  ]);
  expect(stdout).toBe('ok 2 200');
  expect(upstream.requests[0]?.body.toString()).toBe('hello');
});
