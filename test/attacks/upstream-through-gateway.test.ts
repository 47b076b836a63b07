import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type AttackedGateway, requestOf, startAttackedGateway } from '../support/attacked-gateway.ts';
import { connectRaw } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';

let answer = '';
let hostile: RawUpstream;
let attacked: AttackedGateway;
beforeAll(async () => {
  hostile = await startRawUpstream((socket) => {
    if (answer === '') socket.resetAndDestroy();
    else socket.write(answer, 'latin1');
  });
  attacked = await startAttackedGateway((config, origin) => ({
    ...config,
    upstreams: { open: { targets: [origin] }, api: { targets: [hostile.origin] } },
  }));
});
afterAll(async () => {
  await attacked.close();
  await hostile.close();
});
beforeEach(() => {
  hostile.requests.length = 0;
});

const ask = (path: string) =>
  attacked.gateway.raw(requestOf(`GET ${path}`, [`X-API-Key: ${attacked.acme.key}`]));

it.each([
  [
    'U05 both framings',
    'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  ],
  ['U05 two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok'],
  ['U05 a status of 999', 'HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok'],
  [
    'U05 an upgrade that nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  ],
  ['U05 garbage', '\x16\x03\x01 10.1.2.3 secret\r\n\r\n'],
  ['U07 a reset', ''],
])('%s is one 502 that names no address, with the reason in the audit stream', async (name, bytes) => {
  answer = bytes;
  const path = `/api/${encodeURIComponent(name)}`.replaceAll('%20', '-');
  const got = await ask(path);
  expect(got.status).toBe(502);
  expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'upstream_unavailable', status: 502 });
  expect(`${got.head}${got.body.toString()}`).not.toMatch(/127\.0\.0\.1|10\.1\.2\.3|ECONN|secret|undici/i);
  const record = await attacked.gateway.auditOf(got);
  expect(record).toMatchObject({
    decision: 'failed',
    code: 'upstream_unavailable',
    status: 502,
    tenant: 'acme',
  });
  expect(record.reason).toMatch(/./);
  await attacked.expectAlive();
});

it('U01 Trailer beside Content-Length ends neither the process nor the answer', async () => {
  answer = 'HTTP/1.1 200 OK\r\nTrailer: X-T\r\nContent-Length: 2\r\n\r\nok';
  const got = await ask('/api/u01');
  expect([got.status, got.body.toString(), got.field('trailer')]).toEqual([200, 'ok', undefined]);
  await attacked.expectAlive();
});

it('U02 the upstream cannot govern the connection of the client, or speak in our name', async () => {
  answer =
    'HTTP/1.1 200 OK\r\nConnection: close, X-Foo\r\nX-Foo: 1\r\nKeep-Alive: timeout=99\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nGatehouse-Decision-Id: forged\r\nX-Gatehouse-Assertion: forged\r\nContent-Length: 2\r\n\r\nok';
  const client = await connectRaw(attacked.gateway.port);
  const request = (path: string, close = '') =>
    `GET ${path} HTTP/1.1\r\nHost: gw.test\r\nX-API-Key: ${attacked.acme.key}\r\n${close}\r\n`;
  client.send(request('/api/u02'));
  await client.until((text) => text.endsWith('\r\n\r\nok'));
  client.send(request('/api/u02', 'Connection: close\r\n'));
  await client.closed();
  const text = client.received().toString();
  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  expect(text).not.toMatch(/x-foo|timeout=99|proxy-auth|upgrade|forged/i);
  await attacked.expectAlive();
});

it('U08 a 503 of the upstream passes through after one try, and is no refusal of ours', async () => {
  answer = 'HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 4\r\n\r\nbusy';
  const got = await ask('/api/u08');
  expect([got.status, got.field('retry-after'), got.body.toString()]).toEqual([503, '120', 'busy']);
  expect(hostile.requests).toHaveLength(1);
  const record = await attacked.gateway.audited(({ path }) => path === '/api/u08');
  expect(record).toMatchObject({ decision: 'admitted', code: 'admitted', status: 503 });
  await attacked.expectAlive();
});

it('U05 a 401 of the upstream is no challenge of ours: what it says reaches the client, and no credential is asked again', async () => {
  answer = 'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="legacy"\r\nContent-Length: 0\r\n\r\n';
  const got = await ask('/api/u05-401');
  expect([got.status, got.all('www-authenticate')]).toEqual([401, ['Basic realm="legacy"']]);
  const record = await attacked.gateway.audited(({ path }) => path === '/api/u05-401');
  expect(record).toMatchObject({ decision: 'admitted', status: 401 });
  await attacked.expectAlive();
});

it('P14 a byte outside ASCII in the target is refused, and in a value leaves as it came', async () => {
  answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
  const target = await attacked.gateway.raw(requestOf('GET /api/x?a=\xe9'));
  expect([target.status, hostile.requests.length]).toEqual([400, 0]);
  await attacked.gateway.auditOf(target);
  const fields = [`X-API-Key: ${attacked.acme.key}`, 'X-Bytes: \xe9\xff'];
  const got = await attacked.gateway.raw(Buffer.from(requestOf('GET /api/bytes?b=%ff', fields), 'latin1'));
  expect(got.status).toBe(200);
  expect(hostile.requests[0]?.startLine).toBe('GET /api/bytes?b=%ff HTTP/1.1');
  expect(hostile.requests[0]?.all('x-bytes')).toEqual(['\xe9\xff']);
  await attacked.expectAlive();
});
