import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type OutgoingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  type EnvoyProgram,
  envoyRecipe,
  installEnvoy,
  type RunningEnvoy,
  startEnvoy,
} from '../support/envoy.ts';
import { type ConfigObject, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { exchangeRaw, type RawAnswer } from '../support/raw-client.ts';
import { type RawUpstream, type RecordedRequest, startRawUpstream } from '../support/raw-upstream.ts';
import { findFreePort, type RunningRedis, redisMissing, startRedis } from '../support/redis.ts';

const envoy = redisMissing ?? installEnvoy();
const missing = typeof envoy === 'string' ? envoy : undefined;
const version = typeof envoy === 'string' ? `(skipped: ${envoy})` : envoy.version;

/** Two bytes, as they are written and recorded here: Latin-1. */
const UTF8 = Buffer.from('é', 'utf8').toString('latin1');

const MODES = ['http', 'grpc'] as const;
type Mode = (typeof MODES)[number];

let redis: RunningRedis;
let upstream: RawUpstream;
let gateway: TestGateway;
let key: string;
/** Asked about for the first time while the store is away. */
const unseenKeys: string[] = [];

function gatewayConfig(forwardAuth: ConfigObject): ConfigObject {
  const orders = { accept: ['apiKey'], upstream: 'legacy' };
  return {
    listen: {
      public: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      ops: '127.0.0.1:0',
      forwardAuth,
    },
    store: { redis: { url: redis.url, commandTimeout: '500ms' } },
    encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
    tenants: { acme: { hosts: ['acme.gw.test'] }, globex: { hosts: ['globex.gw.test'] } },
    upstreams: {
      legacy: {
        targets: [upstream.origin],
        identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}' }, assertion: {} },
      },
      signed: {
        targets: [upstream.origin],
        identity: {
          fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}' },
          signature: {
            algorithm: 'hmac-sha256',
            keys: [{ id: 's1', secret: 'a-signature-secret-of-more-than-32-bytes' }],
          },
        },
      },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'legacy' },
      { id: 'orders', match: { path: '/api/orders/**', methods: ['GET', 'POST'] }, ...orders },
      { id: 'signed', match: { path: '/signed' }, accept: ['apiKey'], upstream: 'signed' },
      { id: 'admin', match: { path: '/api/admin' }, ...orders, require: { scopes: ['admin'] } },
    ],
  };
}

async function startScene(): Promise<void> {
  [redis, upstream] = await Promise.all([
    startRedis(),
    startRawUpstream('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'),
  ]);
  const forwardAuth = { address: '127.0.0.1:0', grpc: '127.0.0.1:0', peers: ['127.0.0.1/32'] };
  gateway = await startTestGateway(gatewayConfig(forwardAuth));
  ({ key } = await gateway.issueKey('acme'));
  for (let count = 0; count < 4; count += 1) unseenKeys.push((await gateway.issueKey('acme')).key);
}

function program(): EnvoyProgram {
  if (typeof envoy === 'string') throw new Error(envoy);
  return envoy;
}

const CHECK_PORT = { http: 8082, grpc: 8083 } as const;

function checkPort(mode: Mode): number {
  const { forwardAuthPort, forwardAuthGrpcPort } = gateway.gateway;
  return (mode === 'http' ? forwardAuthPort : forwardAuthGrpcPort) ?? 0;
}

/** `change`: of the recipe, from and to. */
async function startRecipe(
  mode: Mode,
  options: { readonly checks?: number; readonly change?: readonly [string, string] } = {},
): Promise<RunningEnvoy> {
  const { checks = checkPort(mode), change: [from, to] = ['', ''] } = options;
  const text = envoyRecipe(mode, { [CHECK_PORT[mode]]: checks, 3000: upstream.port });
  if (!text.includes(from)) throw new Error(`the recipe has no ${from}`);
  return startEnvoy(program(), text.replace(from, to));
}

interface Sent {
  readonly line?: string;
  readonly host?: string;
  readonly fields?: readonly string[];
  readonly body?: string;
}

function send(
  port: number,
  { line = 'GET /api/orders/1', host = 'acme.gw.test', fields = [], body = '' }: Sent,
) {
  const lines = [`${line} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...fields, '', body];
  return exchangeRaw(port, lines.join('\r\n'));
}

function statusOverHttp2(port: number, fields: OutgoingHttpHeaders): Promise<number | undefined> {
  const session = connect(`http://127.0.0.1:${port}`);
  const request = session.request({ ':path': '/api/orders/1', ':authority': 'acme.gw.test', ...fields });
  return new Promise((resolve, reject) => {
    session.once('error', reject);
    request.once('error', reject).once('response', (head) => resolve(head[':status']));
    request.resume().once('close', () => session.close());
  });
}

/** The answer, and the requests that came to the upstream meanwhile. */
async function through(
  port: number,
  sent: Sent,
): Promise<{ readonly answer: RawAnswer; readonly reached: readonly RecordedRequest[] }> {
  const before = upstream.requests.length;
  const answer = await send(port, sent);
  return { answer, reached: upstream.requests.slice(before) };
}

/** What Envoy writes by itself. */
const ENVOYS_OWN = /^(x-request-id|x-forwarded-for|x-forwarded-proto|x-envoy-.*)$/;

/** Name and value of each field, by name, without those of Envoy, and with the claims of the assertion in its place. */
function carried(request: RecordedRequest | undefined): readonly (readonly [string, unknown])[] {
  return (request?.fields ?? [])
    .filter(([name]) => !ENVOYS_OWN.test(name))
    .map(([name, value]) => [name, name === 'x-gatehouse-assertion' ? claimsOf(value) : value] as const)
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

function claimsOf(assertion: string): unknown {
  const payload = assertion.split('.')[1];
  if (payload === undefined) return assertion;
  const { aud, tenant, sub } = JSON.parse(Buffer.from(payload, 'base64url').toString());
  return { aud, tenant: tenant?.id ?? tenant, sub: typeof sub };
}

function keyed(...fields: readonly string[]): readonly string[] {
  return [`X-API-Key: ${key}`, ...fields];
}

describe.skipIf(missing)(`Envoy ${version}`, () => {
  beforeAll(startScene);
  afterAll(async () => {
    await gateway?.stop();
    await Promise.all([upstream?.close(), redis?.stop()]);
    if (typeof envoy === 'object') envoy.remove();
  });

  describe.each(MODES)('with ext_authz by %s', (mode) => {
    let running: RunningEnvoy;
    beforeAll(async () => {
      console.log(`Envoy ${version}, ext_authz by ${mode}`);
      running = await startRecipe(mode);
    });
    afterAll(() => running?.stop());

    it('forwards what is allowed with our identity and nobody else’s, and without the credential', async () => {
      const spoofed = [
        'X-Tenant-Id: globex',
        'x-tenant-id: evil',
        'X-User-Id: root',
        'X-User-Id: admin',
        'X-Gatehouse-Assertion: a.b.c',
        'X-Kept: as it came',
        'Connection: X-Tenant-Id, X-Gatehouse-Assertion',
        'Cookie: a=1',
        `Cookie: b=2,c=${UTF8}`,
      ];
      const { answer, reached } = await through(running.port, {
        line: 'POST /api/orders/7?q=%20&r',
        fields: keyed(...spoofed, 'Content-Length: 4'),
        body: 'body',
      });
      expect(answer.status).toBe(200);
      expect(reached).toHaveLength(1);
      expect(reached[0]?.startLine).toBe('POST /api/orders/7?q=%20&r HTTP/1.1');
      expect(reached[0]?.body.toString()).toBe('body');
      expect(carried(reached[0])).toEqual([
        ['content-length', '4'],
        ['cookie', `a=1; b=2,c=${UTF8}`],
        ['host', 'acme.gw.test'],
        ['x-gatehouse-assertion', { aud: 'legacy', tenant: 'acme', sub: 'string' }],
        ['x-kept', 'as it came'],
        ['x-tenant-id', 'acme'],
      ]);
    });

    it('forwards what is public with nobody’s identity, and without any credential', async () => {
      const { answer, reached } = await through(running.port, {
        line: 'GET /status',
        fields: keyed(
          'X-Tenant-Id: globex',
          'X-User-Id: root',
          'X-Gatehouse-Assertion: a.b.c',
          'Authorization: Bearer a.b.c',
        ),
      });
      expect(answer.status).toBe(200);
      expect(carried(reached[0])).toEqual([['host', 'acme.gw.test']]);
    });

    it('sends a field without a value empty where a signature covers it, and nowhere else', async () => {
      const { answer, reached } = await through(running.port, {
        line: 'GET /signed',
        fields: keyed('X-User-Id: root', 'Signature: a', 'Signature-Input: b'),
      });
      expect(answer.status).toBe(200);
      expect(reached[0]?.all('x-user-id')).toEqual(['']);
      expect(reached[0]?.all('signature-input')).toEqual([expect.stringContaining('"x-user-id"')]);
      expect(reached[0]?.all('signature')).toEqual([expect.stringMatching(/^gatehouse=:/)]);
      const { reached: unsigned } = await through(running.port, { fields: keyed('X-User-Id: root') });
      expect(unsigned[0]?.all('x-user-id')).toEqual([]);
      expect(unsigned[0]?.all('signature')).toEqual([]);
    });

    it(`${mode === 'http' ? 'forwards' : 'refuses'} a cookie that is not UTF-8, which no message of gRPC can carry`, async () => {
      const { answer, reached } = await through(running.port, { fields: keyed('Cookie: a=\xe9') });
      expect(answer.status).toBe(mode === 'http' ? 200 : 400);
      expect(reached.map((request) => request.field('cookie'))).toEqual(mode === 'http' ? ['a=\xe9'] : []);
    });

    it.each([
      ['no credential', {}, 401, 'credential_missing'],
      ['a wrong key', { fields: ['X-API-Key: wrong'] }, 401, 'credential_invalid'],
      ['the key of another tenant', { host: 'globex.gw.test', isKeyed: true }, 403, 'tenant_mismatch'],
      ['a key without the scope', { line: 'GET /api/admin', isKeyed: true }, 403, 'insufficient_scope'],
      ['no route', { line: 'GET /nowhere', isKeyed: true }, 404, 'route_not_found'],
      ['another method', { line: 'DELETE /api/orders/1', isKeyed: true }, 405, 'method_not_allowed'],
      ['a path with dots', { line: 'GET /api/orders/../admin', isKeyed: true }, 400, 'path_not_canonical'],
      ['an escaped slash', { line: 'GET /api/orders/..%2fadmin', isKeyed: true }, 400, 'path_not_canonical'],
      ['two slashes', { line: 'GET /api//orders/1', isKeyed: true }, 400, 'path_not_canonical'],
      ['two keys', { fields: ['X-API-Key: wrong'], isKeyed: true }, 400, 'credential_ambiguous'],
      ['an alias of ours', { fields: ['X.Tenant.Id: globex'], isKeyed: true }, 400, 'request_malformed'],
      ['two Host fields', { fields: ['Host: globex.gw.test'], isKeyed: true }, 400, 'host_invalid'],
    ] as const)(
      'refuses %s in our words, and the upstream sees nothing of it',
      async (_, sent, status, code) => {
        const { isKeyed, fields = [], ...rest } = sent as Sent & { isKeyed?: boolean };
        const { answer, reached } = await through(running.port, {
          ...rest,
          fields: isKeyed === true ? keyed(...fields) : fields,
        });
        expect(answer.status).toBe(status);
        expect(reached).toEqual([]);
        expect(JSON.parse(answer.body.toString())).toMatchObject({ code, status });
        expect(answer.all('content-type')).toEqual(['application/problem+json']);
        expect(answer.all('cache-control')).toEqual(['no-store']);
        expect(answer.all('www-authenticate')).toHaveLength(status === 401 ? 1 : 0);
        expect(answer.field('allow')).toBe(status === 405 ? 'GET, HEAD, POST' : undefined);
        expect(answer.field('x-tenant-id')).toBeUndefined();
        expect(await gateway.auditOf(answer)).toMatchObject({ code, decision: 'denied', status });
      },
    );

    it('refuses a name with an underscore by itself, as the recipe says; allowed there, ours is refused by us', async () => {
      const sent = { fields: keyed('X_Tenant_Id: globex') };
      const strict = await through(running.port, sent);
      expect([strict.answer.status, strict.reached]).toEqual([400, []]);
      expect(strict.answer.field('gatehouse-decision-id')).toBeUndefined();
      const lenient = await startRecipe(mode, { change: ['REJECT_REQUEST', 'ALLOW'] });
      onTestFinished(() => lenient.stop());
      const ours = await through(lenient.port, sent);
      expect([ours.answer.status, ours.reached]).toEqual([400, []]);
      expect(JSON.parse(ours.answer.body.toString())).toMatchObject({ code: 'request_malformed' });
      const theirs = await through(lenient.port, { fields: keyed('Their_Own: 1') });
      expect(theirs.reached[0]?.field('their_own')).toBe('1');
    });

    it('answers 503 to everybody while nobody answers the check', async () => {
      const alone = await startRecipe(mode, { checks: await findFreePort() });
      onTestFinished(() => alone.stop());
      for (const line of ['GET /api/orders/1', 'GET /status']) {
        const { answer, reached } = await through(alone.port, { line, fields: keyed() });
        expect([answer.status, reached]).toEqual([503, []]);
      }
    });
  });

  it('may join what came twice, over gRPC: it is refused, never one of the two', async () => {
    const joining = await startRecipe('grpc', {
      change: ['encode_raw_headers: true', 'encode_raw_headers: false'],
    });
    onTestFinished(() => joining.stop());
    const keyLine = `X-API-Key: ${key}`;
    for (const [fields, status] of [
      [[keyLine, keyLine], 401],
      [[`Authorization: ApiKey ${key}`, `Authorization: ApiKey ${key}`], 401],
      [[keyLine, 'Cookie: a=1', 'Cookie: __Host-gatehouse=secret'], 400],
    ] as const) {
      const { answer, reached } = await through(joining.port, { fields });
      expect([answer.status, reached]).toEqual([status, []]);
    }
    const { reached } = await through(joining.port, { fields: [keyLine, 'Cookie: a=1; b=2,3'] });
    expect(reached[0]?.all('cookie')).toEqual(['a=1; b=2,3']);
    const before = upstream.requests.length;
    expect(await statusOverHttp2(joining.port, { 'x-api-key': key, cookie: ['a=1', 'b=2'] })).toBe(200);
    expect(upstream.requests[before]?.all('cookie')).toEqual(['a=1; b=2']);
  });

  it('may ask at a socket file, which is a list of peers by itself', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-envoy-'));
    const file = (name: string) => path.join(folder, name);
    const sidecar = await startTestGateway(
      gatewayConfig({ address: `unix:${file('http')}`, grpc: `unix:${file('grpc')}` }),
    );
    const neighbours = await Promise.all(
      MODES.map((mode) => {
        const text = envoyRecipe(mode, { [CHECK_PORT[mode]]: 4, 3000: upstream.port })
          .replace('socket_address: { address: 127.0.0.1, port_value: 4 }', `pipe: { path: ${file(mode)} }`)
          .replace('type: STRICT_DNS', 'type: STATIC');
        return startEnvoy(program(), text);
      }),
    );
    onTestFinished(async () => {
      await Promise.all(neighbours.map((each) => each.stop()));
      await sidecar.stop();
      rmSync(folder, { recursive: true, force: true });
    });
    for (const { port } of neighbours) {
      const { answer, reached } = await through(port, { fields: keyed('X-Tenant-Id: globex') });
      expect(answer.status).toBe(200);
      expect(reached[0]?.all('x-tenant-id')).toEqual(['acme']);
      expect((await send(port, {})).status).toBe(401);
    }
  });

  describe('when the store is away', () => {
    let open: RunningEnvoy[] = [];
    beforeAll(async () => {
      open = await Promise.all([
        ...MODES.map((mode) => startRecipe(mode)),
        ...MODES.map((mode) =>
          startRecipe(mode, { change: ['failure_mode_allow: false', 'failure_mode_allow: true'] }),
        ),
      ]);
      await redis.kill();
    });
    afterAll(() => Promise.all(open.map((each) => each.stop())));

    it.each([
      ['by http', 0],
      ['by grpc', 1],
      ['by grpc, with failure_mode_allow, since an outage is an answer', 3],
    ])('answers 503 %s, and the upstream sees nothing', async (_, at) => {
      const fields = [`X-API-Key: ${unseenKeys[at]}`];
      const { answer, reached } = await through(open[at]?.port ?? 0, { fields });
      expect([answer.status, reached]).toEqual([503, []]);
      if (at !== 0) {
        expect(answer.field('retry-after')).toBe('2');
        expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'store_unavailable' });
      }
    });

    it('lets everything pass by http with failure_mode_allow, which is why no recipe has it', async () => {
      const { answer } = await through(open[2]?.port ?? 0, { fields: [`X-API-Key: ${unseenKeys[2]}`] });
      expect(answer.status).toBe(200);
    });
  });
});
