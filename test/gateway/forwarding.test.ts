import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { connectRaw, parseAnswer, type RawClient } from '../support/raw-client.ts';
import {
  type RawConnection,
  type RawHandler,
  type RawUpstream,
  startRawUpstream,
} from '../support/raw-upstream.ts';
import { codeOf, outcomeOf, wire } from '../support/wire.ts';

const MEGABYTE = 1024 * 1024;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

let upstream: RawUpstream;
/** What the upstream does with the next request. */
let handler: RawHandler;
/** Reads and writes megabytes, as a bare socket that records everything should not. */
let bulk: Server;
let gateway: TestGateway;
let key: string;

beforeAll(async () => {
  upstream = await startRawUpstream((socket, received, number) => handler(socket, received, number), {
    answer: 'onHead',
  });
  bulk = createServer((received, response) => void answerBulk(received, response)).listen(0, '127.0.0.1');
  await once(bulk, 'listening');
  const bulkOrigin = `http://127.0.0.1:${(bulk.address() as AddressInfo).port}`;
  gateway = await startTestGateway({
    tenants: { acme: {} },
    upstreams: {
      api: {
        targets: [upstream.origin],
        timeouts: { headers: '400ms' },
        identity: { fields: { 'X-Tenant-Id': '{tenant.id}' }, assertion: {} },
      },
      bulk: { targets: [bulkOrigin], identity: { fields: { 'X-Tenant-Id': '{tenant.id}' } } },
      second: { targets: ['http://127.0.0.1:1', upstream.origin] },
      gone: { targets: ['http://127.0.0.1:1'] },
    },
    routes: [
      { id: 'api', match: { path: '/api/**' }, accept: ['apiKey'], upstream: 'api' },
      {
        id: 'small',
        match: { path: '/small' },
        accept: ['apiKey'],
        limits: { body: '1KiB' },
        upstream: 'api',
      },
      { id: 'bulk', match: { path: '/bulk' }, accept: ['apiKey'], upstream: 'bulk' },
      { id: 'second', match: { path: '/second' }, accept: ['apiKey'], upstream: 'second' },
      { id: 'gone', match: { path: '/gone' }, accept: ['apiKey'], upstream: 'gone' },
    ],
  });
  key = (await gateway.issueKey('acme')).key;
});
afterAll(async () => {
  await gateway.stop();
  await upstream.close();
  bulk.closeAllConnections();
  bulk.close();
});
beforeEach(() => {
  upstream.requests.length = 0;
  handler = answerWith(OK);
});

/** The digest of what came, and as many bytes back as the query says. */
async function answerBulk(received: IncomingMessage, response: ServerResponse): Promise<void> {
  const digest = createHash('sha256');
  for await (const chunk of received) digest.update(chunk as Buffer);
  const body = randomBytes(8 * MEGABYTE);
  response.writeHead(200, {
    'x-received': digest.digest('hex'),
    'x-sent': createHash('sha256').update(body).digest('hex'),
  });
  response.end(body);
}

const answerWith =
  (bytes: string): RawHandler =>
  (socket) =>
    void socket.write(bytes, 'latin1');

function ask(line: string, fields: readonly string[] = [], body = '') {
  return gateway.raw(wire(line, [`X-API-Key: ${key}`, ...fields], { body }));
}

/** The upstream's end of what the last request came on. */
function lastConnection(): RawConnection | undefined {
  return upstream.connections[upstream.requests.at(-1)?.connection ?? -1];
}

/** A connection on which one request was sent. */
async function begin(line: string, fields: readonly string[] = [], body = ''): Promise<RawClient> {
  const client = await connectRaw(gateway.port);
  client.send(wire(line, [`X-API-Key: ${key}`, ...fields], { body }));
  return client;
}

describe('a body', () => {
  it.each([
    ['sized', { 'content-length': String(8 * MEGABYTE) }],
    ['chunked', { 'transfer-encoding': 'chunked' }],
  ])('of 8 MiB passes byte for byte in both directions, %s', async (_, framing) => {
    const body = randomBytes(8 * MEGABYTE);
    const sent = request({
      host: '127.0.0.1',
      port: gateway.port,
      path: '/bulk',
      method: 'POST',
      agent: false,
      headers: { 'x-api-key': key, ...framing },
    });
    sent.end(body);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const digest = createHash('sha256');
    for await (const chunk of answer) digest.update(chunk as Buffer);
    expect(answer.headers['x-received']).toBe(createHash('sha256').update(body).digest('hex'));
    expect(digest.digest('hex')).toBe(answer.headers['x-sent']);
  });

  it('over the limit is 413: a declared one before a byte leaves, a chunked one with the upstream cut off', async () => {
    expect(outcomeOf(await ask('POST /small', ['Content-Length: 1025'], 'x'.repeat(1025)))).toBe(
      '413 body_too_large',
    );
    expect(upstream.requests).toHaveLength(0);
    handler = () => {};
    const client = await begin(
      'POST /small',
      ['Transfer-Encoding: chunked'],
      `200\r\n${'x'.repeat(512)}\r\n`,
    );
    await upstream.until(() => upstream.requests.length === 1);
    client.send(`201\r\n${'x'.repeat(513)}\r\n`);
    await client.until((text) => text.includes('body_too_large'));
    await upstream.until(() => lastConnection()?.isClosed === true);
    expect(upstream.requests[0]?.isComplete).toBe(false);
    await client.closed();
    expect(outcomeOf(parseAnswer(client.received()))).toBe('413 body_too_large');
  });

  it('keeps Latin-1, numbers of 64 bits and gzip as they are', async () => {
    const body = '{"name":"\xe4\xf6\xfc","id":9223372036854775807,"x":1.0}';
    handler = answerWith(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=iso-8859-1\r\nContent-Encoding: gzip\r\nX-Name: \xe4\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    const answer = await ask('POST /api/x', [`Content-Length: ${body.length}`, 'X-Name: \xfc'], body);
    await upstream.until(() => upstream.requests[0]?.isComplete === true);
    expect(upstream.requests[0]?.body.toString('latin1')).toBe(body);
    expect(upstream.requests[0]?.field('x-name')).toBe('\xfc');
    expect(answer.body.toString('latin1')).toBe(body);
    expect(answer.field('x-name')).toBe('\xe4');
    expect(answer.field('content-encoding')).toBe('gzip');
  });

  it('that streams arrives event by event', async () => {
    handler = answerWith(
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n',
    );
    const client = await begin('GET /api/events');
    await client.until((text) => text.includes('data: 1\n\n'));
    lastConnection()?.socket.write('9\r\ndata: 2\n\n\r\n0\r\n\r\n');
    await client.closed();
    expect(parseAnswer(client.received()).body.toString()).toBe('data: 1\n\ndata: 2\n\n');
  });

  it('loses its trailers in both directions', async () => {
    handler = () => {};
    const client = await begin(
      'POST /api/x',
      ['Transfer-Encoding: chunked', 'Trailer: X-Tenant-Id'],
      '2\r\nhi\r\n0\r\nX-Tenant-Id: globex\r\n\r\n',
    );
    await upstream.until(() => upstream.requests[0]?.isComplete === true);
    expect(lastConnection()?.received.toString('latin1')).not.toContain('globex');
    lastConnection()?.socket.write(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Secret\r\n\r\n2\r\nok\r\n0\r\nX-Secret: 1\r\n\r\n',
    );
    await client.closed();
    expect(client.received().toString('latin1')).not.toContain('X-Secret: 1');
    expect(parseAnswer(client.received()).body.toString()).toBe('ok');
  });
});

describe('an answer', () => {
  it.each([
    ['HEAD', 'HEAD /api/x', 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n', 200, '1234'],
    ['204', 'DELETE /api/x', 'HTTP/1.1 204 No Content\r\n\r\n', 204, undefined],
    ['304', 'GET /api/x', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 7\r\n\r\n', 304, '7'],
  ])('to %s has no body, and keeps what it says of one', async (_, line, bytes, status, length) => {
    handler = answerWith(bytes);
    const answer = await ask(line);
    expect(answer.status).toBe(status);
    expect(answer.raw).toHaveLength(0);
    expect(answer.field('content-length')).toBe(length);
    expect(answer.field('transfer-encoding')).toBeUndefined();
  });

  it('may begin with early hints', async () => {
    handler = answerWith(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n${OK}`);
    const client = await begin('GET /api/x');
    await client.closed();
    const text = client.received().toString('latin1');
    expect(
      text.startsWith('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK'),
    ).toBe(true);
  });

  it('of the second target comes where the first takes no connections', async () => {
    for (let each = 0; each < 3; each += 1) expect((await ask('POST /second')).status).toBe(200);
    expect(upstream.requests).toHaveLength(3);
  });

  it('is 502 or 504 where there is none, and says nothing of addresses', async () => {
    const gone = await ask('GET /gone');
    expect(outcomeOf(gone)).toBe('502 upstream_unavailable');
    handler = () => {};
    const late = await ask('GET /api/x');
    expect(outcomeOf(late)).toBe('504 upstream_timeout');
    handler = answerWith('SSH-2.0-OpenSSH_9.6\r\n');
    const nonsense = await ask('GET /api/x');
    expect(outcomeOf(nonsense)).toBe('502 upstream_unavailable');
    for (const answer of [gone, late, nonsense]) {
      expect(answer.head + answer.body.toString()).not.toMatch(/127\.0\.0\.1|ECONNREFUSED|undici/i);
      expect((await gateway.auditOf(answer)).decision).toBe('failed');
    }
  });
});

describe('a side that leaves', () => {
  it('is felt by the other: the client', async () => {
    handler = () => {};
    const client = await begin('GET /api/x');
    await upstream.until(() => upstream.requests.length === 1);
    client.close();
    await upstream.until(() => lastConnection()?.isClosed === true);
    const record = await gateway.audited(({ status }) => status === 499);
    expect(record).toMatchObject({ code: 'admitted', reason: 'the client left' });
  });

  it('is felt by the other: the upstream, in the middle of its answer', async () => {
    handler = answerWith('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf');
    const client = await begin('GET /api/x');
    await client.until((text) => text.endsWith('half'));
    lastConnection()?.socket.destroy();
    await client.closed();
    expect(client.received().toString('latin1')).toMatch(/\r\n\r\nhalf$/);
    await gateway.audited(({ code }) => code === 'upstream_unavailable');
  });
});

describe('a client that waits for 100 Continue', () => {
  it('is told to go on once it is admitted, and not before', async () => {
    handler = () => {};
    const client = await begin('POST /api/x', ['Content-Length: 4', 'Expect: 100-continue']);
    await client.until((text) => text.endsWith('HTTP/1.1 100 Continue\r\n\r\n'));
    client.send('body');
    await upstream.until(() => upstream.requests[0]?.isComplete === true);
    expect(upstream.requests[0]?.field('expect')).toBeUndefined();
    expect(upstream.requests[0]?.body.toString()).toBe('body');
    lastConnection()?.socket.write(OK);
    await client.closed();
    expect(parseAnswer(client.received()).status).toBe(200);
  });

  it.each([
    ['without a credential', [], '401 credential_missing'],
    ['with a body over the limit', ['LIMIT'], '413 body_too_large'],
  ])('is refused at once, %s, and no byte of its body is asked for', async (_, marks, expected) => {
    const client = await connectRaw(gateway.port);
    const fields = marks.length === 0 ? [] : [`X-API-Key: ${key}`];
    client.send(wire('POST /small', [...fields, 'Content-Length: 5000', 'Expect: 100-continue']));
    await client.closed();
    expect(client.received().toString('latin1')).not.toContain('100 Continue');
    const answer = parseAnswer(client.received());
    expect(`${answer.status} ${codeOf(answer)}`).toBe(expected);
    expect(upstream.requests).toHaveLength(0);
  });
});
