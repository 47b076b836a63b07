import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type AttackedGateway, startAttackedGateway } from '../support/attacked-gateway.ts';
import type { ConfigObject } from '../support/gateway.ts';
import { connectRaw, parseAnswer, type RawAnswer } from '../support/raw-client.ts';
import { dial, HANDSHAKE, webSocketScene } from '../support/web-socket-scene.ts';

let attacked: AttackedGateway;

function withWebSockets(config: ConfigObject): ConfigObject {
  const routes = (config['routes'] as readonly ConfigObject[]).map((route) =>
    ['api', 'admin', 'public'].includes(String(route['id']))
      ? { ...route, websocket: { origins: ['https://app.test'] } }
      : route,
  );
  return { ...config, routes };
}

beforeAll(async () => {
  attacked = await startAttackedGateway(withWebSockets);
});
afterAll(() => attacked.close());
beforeEach(() => attacked.forget());

/** Sends a handshake, and whatever is behind it, and reads until the gateway closes. */
async function shake(
  line: string,
  changes: Readonly<Record<string, string>> = {},
  { key = attacked.acme.key, behind = '' } = {},
): Promise<RawAnswer> {
  const fields = {
    Host: 'gw.test',
    ...HANDSHAKE,
    ...(key !== '' && { 'X-API-Key': key }),
    ...changes,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  const client = await connectRaw(attacked.gateway.port);
  onTestFinished(() => client.close());
  client.send(`${[`${line} HTTP/1.1`, ...lines, '', ''].join('\r\n')}${behind}`);
  await client.closed();
  return parseAnswer(client.received());
}

const SECOND = 'GET /api/admin HTTP/1.1\r\nHost: gw.test\r\n\r\n';

describe('W01 an upgrade without a credential that is right', () => {
  it.each([
    ['none', '', 401, 'credential_missing'],
    ['a wrong one', 'wrong', 401, 'credential_invalid'],
  ])('(%s) is refused before anything reaches the upstream', async (_, key, status, code) => {
    const answer = await shake('GET /api/ws', {}, { key, behind: SECOND });
    await attacked.expectRefused(answer, status, code);
    expect(answer.all('www-authenticate')).toContain('ApiKey realm="gatehouse"');
    expect(answer.field('connection')).toBe('close');
  });

  it('is refused for a role that is missing too', async () => {
    await attacked.expectRefused(await shake('GET /api/admin'), 403, 'role_missing');
  });
});

it('W02 the upstream handshake carries our identity, never the credential nor what the client claims', async () => {
  const { gateway, upstream, open, key } = await webSocketScene();
  await open({
    fields: { 'X-Tenant-Id': 'globex', X_User_Id: 'root', 'X-Gatehouse-Assertion': 'forged', Cookie: 'a=b' },
    protocols: ['one', 'two'],
    settings: { perMessageDeflate: { clientMaxWindowBits: 12 } },
  });
  const { headers = {}, rawHeaders = [] } = upstream.requests[0] ?? {};
  expect(headers).toMatchObject({
    'x-tenant-id': 'acme',
    'x-user-id': `key:${key.id}`,
    'sec-websocket-protocol': 'one,two',
    'sec-websocket-version': '13',
    upgrade: 'websocket',
  });
  expect(headers['sec-websocket-extensions']).toContain('client_max_window_bits=12');
  expect(String(headers['x-gatehouse-assertion']).split('.')).toHaveLength(3);
  expect(rawHeaders.join('\n')).not.toContain(key.key);
  expect(rawHeaders.map((each) => each.toLowerCase())).not.toContain('x_user_id');
  expect(gateway.log()).not.toContain(key.key);
});

describe('W03 a page of another site', () => {
  it.each([
    'https://evil.test',
    'null',
    'https://app.test.evil.test',
    'http://app.test',
    'https://app.test:8443',
    '',
  ])('with Origin %s opens no WebSocket, whatever its credential', async (origin) => {
    await attacked.expectRefused(await shake('GET /api/ws', { Origin: origin }), 403, 'origin_forbidden');
    const open = await shake('GET /public/ws', { Origin: origin }, { key: '' });
    await attacked.expectRefused(open, 403, 'origin_forbidden');
  });
});

it('W04 an upstream that refuses is heard by the client, and nothing is switched', async () => {
  const { gateway, key } = await webSocketScene({
    upstream: { verifyClient: (_, done) => done(false, 403, 'no') },
  });
  const socket = dial(gateway.port, { key: key.key });
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  expect(response.statusCode).toBe(403);
  response.resume();
});

describe('W05 a false upgrade', () => {
  it.each([
    [
      'of another version',
      'GET /api/ws',
      { 'Sec-WebSocket-Version': '9999' },
      426,
      'websocket_version_unsupported',
    ],
    ['by POST', 'POST /api/ws', { 'Content-Length': '0' }, 400, 'handshake_invalid'],
    ['with a body', 'GET /api/ws', { 'Content-Length': '5' }, 400, 'handshake_invalid'],
    ['with a chunked body', 'GET /api/ws', { 'Transfer-Encoding': 'chunked' }, 400, 'handshake_invalid'],
    ['without a key', 'GET /api/ws', { 'Sec-WebSocket-Key': '' }, 400, 'handshake_invalid'],
    ['without Connection', 'GET /api/ws', { Connection: 'keep-alive' }, 400, 'handshake_invalid'],
    ['to two protocols', 'GET /api/ws', { Upgrade: 'websocket, h2c' }, 400, 'handshake_invalid'],
    [
      'whose key Connection takes away',
      'GET /api/ws',
      { Connection: 'Upgrade, Sec-WebSocket-Key' },
      400,
      'handshake_invalid',
    ],
  ] as const)(
    '%s is refused, and what stands behind it is no request',
    async (_, line, changes, status, code) => {
      const answer = await shake(line, changes, { behind: SECOND });
      await attacked.expectRefused(answer, status, code);
      expect(answer.raw.toString('latin1')).not.toContain('HTTP/1.1');
      expect(answer.field('connection')).toContain('close');
      if (status === 426) expect(answer.field('sec-websocket-version')).toBe('13');
    },
  );

  it('to h2c is a plain request, as on every route', async () => {
    const line = ['GET /api/w05 HTTP/1.1', 'Host: gw.test', `X-API-Key: ${attacked.acme.key}`];
    const upgrade = [
      'Connection: close, Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
    ];
    const answer = await attacked.gateway.raw([...line, ...upgrade, '', ''].join('\r\n'));
    const { head } = await attacked.expectForwarded(answer);
    expect(head).not.toMatch(/upgrade|http2-settings/i);
  });

  it('to a route without WebSockets is a plain request too', async () => {
    const answer = await shake('GET /t/acme/w05', { Connection: 'close, Upgrade' });
    const { head } = await attacked.expectForwarded(answer);
    expect(head).not.toMatch(/\nupgrade:|connection: upgrade/i);
  });

  it('behind a request that is not answered yet is refused, so that two answers never mix', async () => {
    const lines = Object.entries({ Host: 'gw.test', ...HANDSHAKE }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const client = await connectRaw(attacked.gateway.port);
    client.send(
      `GET /public/first HTTP/1.1\r\nHost: gw.test\r\n\r\n${['GET /public/ws HTTP/1.1', ...lines, '', ''].join('\r\n')}${SECOND}`,
    );
    await client.closed();
    const text = client.received().toString('latin1');
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 400']);
    expect(attacked.upstream.requests.map(({ startLine }) => startLine)).toEqual([
      'GET /public/first HTTP/1.1',
    ]);
    attacked.forget();
  });
});

it('W09 a token in the query opens no WebSocket, even if it would be right elsewhere', async () => {
  const answer = await shake(`GET /api/ws?access_token=${attacked.acme.key}`, {}, { key: '' });
  await attacked.expectRefused(answer, 400, 'credential_ambiguous');
  const named = await shake(`GET /api/ws?api_key=${attacked.acme.key}`, {}, { key: '' });
  await attacked.expectRefused(named, 401, 'credential_missing');
});
