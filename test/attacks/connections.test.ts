import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type AttackedGateway, startAttackedGateway } from '../support/attacked-gateway.ts';
import { connectRaw, parseAnswer, type RawClient } from '../support/raw-client.ts';

let attacked: AttackedGateway;
const clients: RawClient[] = [];
beforeAll(async () => {
  attacked = await startAttackedGateway();
});
afterAll(async () => {
  for (const client of clients) client.close();
  await attacked.close();
});
beforeEach(() => attacked.forget());

async function connect(): Promise<RawClient> {
  const client = await connectRaw(attacked.gateway.port);
  clients.push(client);
  return client;
}

const keyField = () => `X-API-Key: ${attacked.acme.key}`;
const SMUGGLED = 'GET /public/smuggled HTTP/1.1\r\nHost: gw.test\r\n\r\n';

/** A POST with a key, and without `Connection: close`: that the answer can be read to its end proves that we closed. */
function post(lines: readonly string[], body: string, version = 'HTTP/1.1'): string {
  return [`POST /api/framed ${version}`, 'Host: acme.gw.test', keyField(), ...lines, '', body].join('\r\n');
}

function get(path: string, field: string, further = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: gw.test\r\n${further}${field}\r\n\r\n`;
}

function statusesIn(client: RawClient): string[] {
  return [
    ...client
      .received()
      .toString('latin1')
      .matchAll(/HTTP\/1\.1 (\d{3})/g),
  ].map(([, status = '']) => status);
}

const CHUNKED_WITH_SMUGGLED = `0\r\n\r\n${SMUGGLED}`;

it('F12 pipelined requests of two tenants are decided on separately and answered in order', async () => {
  const client = await connect();
  client.send(
    get('/api/f12-acme', keyField()) +
      get('/api/f12-none', 'X-A: b') +
      get('/api/f12-globex', `X-API-Key: ${attacked.globex.key}`) +
      get('/api/f12-wrong', 'X-API-Key: wrong', 'Connection: close\r\n'),
  );
  await client.closed();
  expect(statusesIn(client)).toEqual(['200', '401', '200', '401']);
  const seen = attacked.upstream.requests.map(
    (each) => `${each.startLine.split(' ')[1]} ${each.field('x-tenant-id')}`,
  );
  expect(new Set(seen)).toEqual(new Set(['/api/f12-acme acme', '/api/f12-globex globex']));
  expect(seen).toHaveLength(2);
  for (const [path, code] of [
    ['/api/f12-none', 'credential_missing'],
    ['/api/f12-wrong', 'credential_invalid'],
  ])
    await attacked.gateway.audited((record) => record.path === path && record.code === code);
  await attacked.expectAlive();
});

describe('F14 a refusal before the body has come', () => {
  it('closes the connection when the body is large: what is in it is never a request', async () => {
    const client = await connect();
    const size = 1024 * 1024;
    client.send(`POST /api/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: ${size}\r\n\r\n`);
    await client.until((text) => text.includes('\r\n\r\n{'));
    client.send(SMUGGLED.repeat(Math.ceil(size / SMUGGLED.length) + 1));
    await client.closed();
    expect(statusesIn(client)).toEqual(['401']);
    const answer = parseAnswer(client.received());
    expect(answer.field('connection')).toBe('close');
    await attacked.expectRefused(answer, 401, 'credential_missing');
  });

  it('closes it when the body is chunked', async () => {
    const client = await connect();
    client.send('POST /api/x HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.until((text) => text.includes('\r\n\r\n{'));
    client.send(CHUNKED_WITH_SMUGGLED);
    await client.closed();
    expect(statusesIn(client)).toEqual(['401']);
    await attacked.expectRefused(parseAnswer(client.received()), 401, 'credential_missing');
  });

  it('reads a small body to its end, and only then the next request', async () => {
    const client = await connect();
    client.send(`POST /api/x HTTP/1.1\r\nHost: gw.test\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n`);
    await client.until((text) => text.includes('\r\n\r\n{'));
    client.send(`${SMUGGLED}GET /public/f14 HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n`);
    await client.closed();
    expect(statusesIn(client)).toEqual(['401', '200']);
    expect(attacked.upstream.requests.map(({ startLine }) => startLine)).toEqual([
      'GET /public/f14 HTTP/1.1',
    ]);
    await attacked.gateway.auditOf(parseAnswer(client.received()));
    await attacked.expectAlive();
  });
});

describe('F15 Expect: 100-continue', () => {
  it.each([
    ['without a credential', [], 401, 'credential_missing'],
    ['with a wrong one', ['X-API-Key: wrong'], 401, 'credential_invalid'],
  ])('%s is answered 401 before 100: the body is never asked for', async (_, fields, status, code) => {
    const client = await connect();
    client.send(
      [
        'POST /api/x HTTP/1.1',
        'Host: gw.test',
        'Content-Length: 5000000',
        'Expect: 100-continue',
        ...fields,
        '',
        '',
      ].join('\r\n'),
    );
    await client.closed();
    expect(statusesIn(client)).toEqual([String(status)]);
    await attacked.expectRefused(parseAnswer(client.received()), status, code);
  });

  it('of a body over the limit is answered 413 before 100', async () => {
    const client = await connect();
    client.send(post(['Content-Length: 999999999', 'Expect: 100-continue'], ''));
    await client.closed();
    expect(statusesIn(client)).toEqual(['413']);
    await attacked.expectRefused(parseAnswer(client.received()), 413, 'body_too_large');
  });

  it('that nobody can meet is refused', async () => {
    const answer = await attacked.gateway.raw(
      post(['Connection: close', 'Expect: 200-ok', 'Content-Length: 0'], ''),
    );
    await attacked.expectRefused(answer, 417, 'expectation_failed');
  });
});

it('F16 an admitted client that waits for 100 gets it, and the upstream never sees the expectation', async () => {
  const client = await connect();
  client.send(post(['Connection: close', 'Content-Length: 4', 'Expect: 100-Continue'], ''));
  await client.until((text) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'));
  client.send('body');
  await client.closed();
  expect(statusesIn(client)).toEqual(['100', '200']);
  const forwarded = await attacked.expectForwarded(parseAnswer(client.received()));
  expect(forwarded.field('expect')).toBeUndefined();
  expect(forwarded.body.toString()).toBe('body');
});

describe('F08 garbage behind a request that is being answered', () => {
  it('is refused after the answer, never in its place', async () => {
    const client = await connect();
    client.send(`GET /public/f08-garbage HTTP/1.1\r\nHost: gw.test\r\n\r\n\x16\x03\x01 garbage\r\n\r\n`);
    await client.closed();
    expect(statusesIn(client)).toEqual(['200', '400']);
    expect(attacked.upstream.requests.map(({ startLine }) => startLine)).toEqual([
      'GET /public/f08-garbage HTTP/1.1',
    ]);
    await attacked.gateway.audited(({ path }) => path === '/public/f08-garbage');
    await attacked.expectAlive();
  });

  it('a tunnel, is refused after the answer too', async () => {
    const client = await connect();
    client.send(
      `GET /public/f08-tunnel HTTP/1.1\r\nHost: gw.test\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n`,
    );
    await client.closed();
    expect(statusesIn(client)).toEqual(['200', '405']);
    await attacked.gateway.audited(({ path }) => path === '/public/f08-tunnel');
    await attacked.expectAlive();
  });

  it('is not answered where the answer said that it is the last one', async () => {
    const client = await connect();
    client.send(
      `GET /public/f08-last HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n${SMUGGLED}garbage`,
    );
    await client.closed();
    expect(statusesIn(client)).toEqual(['200']);
    expect(attacked.upstream.requests.map(({ startLine }) => startLine)).toEqual([
      'GET /public/f08-last HTTP/1.1',
    ]);
    await attacked.gateway.audited(({ path }) => path === '/public/f08-last');
    await attacked.expectAlive();
  });
});

describe('F14 a document that the gateway publishes itself', () => {
  it.each([
    ['in two framings', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['of a length', 'Content-Length: 3\r\n\r\nabc'],
    ['that is held back', 'Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc'],
  ])(
    'asked for with a body %s is the last answer: what follows is not read as a request',
    async (_, rest) => {
      const client = await connect();
      client.send(`GET /.well-known/jwks.json HTTP/1.1\r\nHost: gw.test\r\n${rest}${SMUGGLED}`);
      await client.closed();
      expect(statusesIn(client)).toEqual(['200']);
      attacked.expectNothingSent();
      await attacked.expectAlive();
    },
  );
});
