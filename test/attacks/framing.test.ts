import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
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

function statusesIn(client: RawClient): string[] {
  return [
    ...client
      .received()
      .toString('latin1')
      .matchAll(/HTTP\/1\.1 (\d{3})/g),
  ].map(([, status = '']) => status);
}

const CHUNKED_WITH_SMUGGLED = `0\r\n\r\n${SMUGGLED}`;

function framingOf(fields: readonly (readonly [string, string])[]): string {
  return fields
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
    .filter((line) => /^(content-length|transfer-encoding|trailer|te):/.test(line))
    .join('\n');
}

it.each([
  ['F01 Content-Length and Transfer-Encoding', ['Content-Length: 4', 'Transfer-Encoding: chunked']],
  ['F01 the other way round', ['Transfer-Encoding: chunked', 'Content-Length: 4']],
  ['F01 a Content-Length of 0', ['Transfer-Encoding: chunked', 'Content-Length: 0']],
  ['F02 two equal lengths', ['Content-Length: 3', 'Content-Length: 3']],
  ['F02 two lengths', ['Content-Length: 3', 'Content-Length: 40']],
  ['F02 two spellings of the name', ['Content-Length: 3', 'content-length: 3']],
  ['F02 a list of lengths', ['Content-Length: 3, 3']],
  ['F02 a sign', ['Content-Length: +3']],
  ['F02 a negative length', ['Content-Length: -1']],
  ['F02 hex', ['Content-Length: 0x3']],
  ['F02 an empty length', ['Content-Length:']],
  ['F02 a fraction', ['Content-Length: 3.0']],
  ['F02 a space within', ['Content-Length: 1 2']],
  ['F02 20 digits', ['Content-Length: 99999999999999999999']],
  ['F02 16 digits', ['Content-Length: 9007199254740993']],
  ['F03 another coding', ['Transfer-Encoding: xchunked']],
  ['F03 identity last', ['Transfer-Encoding: chunked, identity']],
  ['F03 identity first', ['Transfer-Encoding: identity, chunked']],
  ['F03 identity', ['Transfer-Encoding: identity']],
  ['F03 a second field', ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity']],
  ['F03 chunked twice', ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked']],
  ['F03 chunked twice in one field', ['Transfer-Encoding: chunked, chunked']],
  ['F03 a space before the colon', ['Transfer-Encoding : chunked']],
  ['F03 a control byte before the value', ['Transfer-Encoding: \x0bchunked']],
  ['F03 a control byte behind the value', ['Transfer-Encoding: chunked\x0b']],
  ['F03 a byte outside ASCII', ['Transfer-Encoding: chunked\xa0']],
  ['F03 a tab behind the value', ['Transfer-Encoding: chunked\t']],
  ['F03 quotes', ['Transfer-Encoding: "chunked"']],
  ['F03 a parameter', ['Transfer-Encoding: chunked;q=1']],
  ['F03 an empty value', ['Transfer-Encoding:']],
  ['F03 a comma', ['Transfer-Encoding: ,chunked']],
  ['F04 gzip and chunked', ['Transfer-Encoding: gzip, chunked']],
  ['F04 gzip alone', ['Transfer-Encoding: gzip']],
])('%s: refused, closed, and what follows is not read as a request', async (_, lines) => {
  const answer = await attacked.gateway.raw(post(lines, CHUNKED_WITH_SMUGGLED));
  await attacked.expectRefused(answer, 400, 'request_malformed');
});

it('F05 Transfer-Encoding in HTTP/1.0 is refused, since an old server would not know where the body ends', async () => {
  const request = post(
    ['Connection: keep-alive', 'Transfer-Encoding: chunked'],
    CHUNKED_WITH_SMUGGLED,
    'HTTP/1.0',
  );
  await attacked.expectRefused(await attacked.gateway.raw(request), 400, 'request_malformed');
});

it.each([
  ['HTTP/0.9', ' HTTP/0.9'],
  ['no version, which the parser takes for 0.9', ''],
  ['HTTP/2.0', ' HTTP/2.0'],
  ['HTTP/1.2', ' HTTP/1.2'],
])('F05 %s is no version that a message with fields can have', async (_, version) => {
  const request = `POST /public/x${version}\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED_WITH_SMUGGLED}`;
  await attacked.expectRefused(await attacked.gateway.raw(request), 400, 'request_malformed');
});

it('F05 Transfer-Encoding in HTTP/1.0 is refused on a public route too', async () => {
  const request = `POST /public/x HTTP/1.0\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n${CHUNKED_WITH_SMUGGLED}`;
  await attacked.expectRefused(await attacked.gateway.raw(request), 400, 'request_malformed');
});

it.each([
  ['capitals', 'Transfer-Encoding: CHUNKED'],
  // A tab is white space (RFC 9110 section 5.6.3), which the parser takes off.
  ['a tab before the value', 'Transfer-Encoding:\tchunked'],
])('F03 chunked with %s is chunked, and the upstream gets the one spelling', async (_, field) => {
  const request = post(['Connection: close', field], '3\r\nabc\r\n0\r\n\r\n');
  const forwarded = await attacked.expectForwarded(await attacked.gateway.raw(request));
  expect(forwarded.body.toString()).toBe('abc');
  expect(framingOf(forwarded.fields)).toBe('transfer-encoding: chunked');
});

it('F07 a chunk extension is dropped, the data stay', async () => {
  const request = post(
    ['Connection: close', 'Transfer-Encoding: chunked'],
    '3;a=b;c="d"\r\nabc\r\n0;e\r\n\r\n',
  );
  const forwarded = await attacked.expectForwarded(await attacked.gateway.raw(request));
  expect(forwarded.body.toString()).toBe('abc');
  expect(framingOf(forwarded.fields)).toBe('transfer-encoding: chunked');
});

it.each([
  ['F07 a bare LF in a chunk extension', '3;a\nabc\r\n0\r\n\r\n'],
  ['F07 a bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
  ['F08 a bare CR in a chunk extension', '5\r\r;ABCD\r\n34\r\nE\r\n0\r\n\r\n'],
  ['F08 no line end behind the data', '3\r\nabc0\r\n\r\n'],
  ['F08 more data than the size says', '3\r\nabcd\r\n0\r\n\r\n'],
  ['F08 a bare LF behind the data', '3\r\nabc\n0\r\n\r\n'],
  ['F08 a size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['F08 a size in 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['F08 a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
  ['F08 no size', '\r\nabc\r\n0\r\n\r\n'],
  ['F08 a size past 2^64', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
  ['F08 a bare LF at the end', '3\r\nabc\r\n0\n\n'],
])('%s ends the connection; the upstream never gets a whole request', async (_, body) => {
  const request = post(['Transfer-Encoding: chunked'], `${body}${SMUGGLED}`);
  const client = await connect();
  client.send(request);
  await client.closed();
  expect(statusesIn(client)).toEqual(['400']);
  const answer = parseAnswer(client.received());
  const record = await attacked.gateway.auditOf(answer);
  expect(record).toMatchObject({ decision: 'denied', code: 'request_malformed', status: 400 });
  expect(attacked.upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
  await attacked.expectAlive();
});

it('F07 a flood of chunk extensions ends the connection', async () => {
  const client = await connect();
  client.send(post(['Transfer-Encoding: chunked'], `3;${'a'.repeat(1_000_000)}`));
  await client.closed();
  expect(statusesIn(client).every((status) => status === '413' || status === '400' || status === '431')).toBe(
    true,
  );
  expect(attacked.upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
  await attacked.expectAlive();
});

it.each([
  ['all lines', 'GET /public/x HTTP/1.1\nHost: gw.test\n\n'],
  ['the request line', 'GET /public/x HTTP/1.1\nHost: gw.test\r\n\r\n'],
  ['a field', 'GET /public/x HTTP/1.1\r\nHost: gw.test\nX-A: b\r\n\r\n'],
  ['the end of the head', 'GET /public/x HTTP/1.1\r\nHost: gw.test\r\n\n'],
])('F10 a bare LF at the end of %s is no line end', async (_, request) => {
  await attacked.expectRefused(await attacked.gateway.raw(request), 400, 'request_malformed');
});

it.each(['GET', 'HEAD'])(
  'F11 the body of a %s is no second request, and is not forwarded',
  async (method) => {
    const request = [
      `${method} /api/f11-${method.toLowerCase()} HTTP/1.1`,
      'Host: acme.gw.test',
      'Connection: close',
      keyField(),
      `Content-Length: ${SMUGGLED.length}`,
      '',
      SMUGGLED,
    ].join('\r\n');
    const answer = await attacked.gateway.raw(request);
    expect(answer.status).toBe(200);
    const [forwarded, ...others] = attacked.upstream.requests;
    expect(others).toEqual([]);
    expect(forwarded?.startLine).toBe(`${method} /api/f11-${method.toLowerCase()} HTTP/1.1`);
    expect(framingOf(forwarded?.fields ?? [])).toBe('');
    expect(forwarded?.body.length).toBe(0);
    await attacked.gateway.audited(
      ({ path, code }) => path === `/api/f11-${method.toLowerCase()}` && code === 'admitted',
    );
    await attacked.expectAlive();
  },
);

it('F17 a trailer is never taken for a field', async () => {
  const body = `3\r\nabc\r\n0\r\nX-Tenant-Id: globex\r\nX-User-Id: root\r\nAuthorization: Bearer x\r\n\r\n`;
  const request = post(['Connection: close', 'Trailer: X-Tenant-Id', 'Transfer-Encoding: chunked'], body);
  const forwarded = await attacked.expectForwarded(await attacked.gateway.raw(request));
  expect(forwarded.all('x-tenant-id')).toEqual(['acme']);
  expect(forwarded.trailers).toBe('');
  expect(forwarded.field('trailer')).toBeUndefined();
  expect(forwarded.head).not.toMatch(/globex|root/);
});

it('F17 trailers without an end are bounded', async () => {
  const client = await connect();
  client.send(
    post(['Transfer-Encoding: chunked'], `3\r\nabc\r\n0\r\n${`X-A: ${'a'.repeat(1_000)}\r\n`.repeat(100)}`),
  );
  await client.closed();
  expect(statusesIn(client)).toEqual(['431']);
  await attacked.gateway.auditOf(parseAnswer(client.received()));
  expect(attacked.upstream.requests.filter(({ isComplete }) => isComplete)).toEqual([]);
  await attacked.expectAlive();
});
