import type { Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from '../../scripts/packages.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { createSigningKey, type SigningKey, signToken } from '../support/issuer.ts';
import { startRecipe } from '../support/proxy-process.ts';
import { connectRaw, exchangeRaw, parseAnswer, type RawAnswer } from '../support/raw-client.ts';
import { type RawUpstream, startRawUpstream } from '../support/raw-upstream.ts';
import { findFreePort, type RunningRedis, redisMissing, startRedis, until } from '../support/redis.ts';
import { outcomeOf, wire } from '../support/wire.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const IDENTITY = ['x-tenant-id', 'x-user-id', 'x-gatehouse-assertion'];
const CREDENTIALS = ['authorization', 'x-api-key', 'cookie'];

let gateway: TestGateway;
let upstream: RawUpstream;
/** The issuer's key set, whose answers wait for `release`. */
let keySet: RawUpstream;
let asked: Socket[] = [];
let signing: SigningKey;
let key: string;

function config(listed: string): Readonly<Record<string, unknown>> {
  return {
    listen: {
      public: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      ops: '127.0.0.1:0',
      forwardAuth: { address: '127.0.0.1:0', peers: [listed] },
    },
    // The parser neither reads on nor refuses after `PRI * HTTP/2.0`: this ends it.
    limits: { headerTimeout: '1s' },
    tenants: { acme: { hosts: ['acme.gw.test'], issuers: ['idp'] } },
    issuers: {
      idp: {
        issuer: 'https://login.test',
        audience: 'api',
        keys: { jwksUri: keySet.origin },
        tenant: { fixed: 'acme' },
      },
    },
    upstreams: {
      api: {
        targets: [upstream.origin],
        identity: { fields: { 'X-Tenant-Id': '{tenant.id}', 'X-User-Id': '{user.id}' }, assertion: {} },
      },
    },
    routes: [
      { id: 'status', match: { path: '/status' }, public: true, upstream: 'api' },
      {
        id: 'orders',
        match: { path: '/api/**', methods: ['GET'] },
        accept: ['apiKey', 'bearer'],
        upstream: 'api',
      },
    ],
  };
}

beforeAll(async () => {
  upstream = await startRawUpstream(OK);
  keySet = await startRawUpstream((socket) => void asked.push(socket));
  signing = await createSigningKey('ES256', 'k1');
  gateway = await startTestGateway(config('127.0.0.1/32'));
  ({ key } = await gateway.issueKey('acme'));
});
afterAll(async () => {
  await gateway.stop();
  await Promise.all([upstream.close(), keySet.close()]);
});
beforeEach(() => {
  upstream.requests.length = 0;
  asked = [];
});

const portOf = (of: TestGateway) => of.gateway.forwardAuthPort ?? 0;

function check(path: string, fields: readonly string[], of = gateway): Promise<RawAnswer> {
  return exchangeRaw(portOf(of), wire(`GET ${path}`, fields, { host: 'acme.gw.test' }));
}

/** As the proxies of the dialects ask about `GET target`. */
const DIALECTS: Readonly<Record<string, (target: string, fields: readonly string[]) => Promise<RawAnswer>>> =
  {
    nginx: (target, fields) =>
      check('/authz/nginx', [
        `X-Original-URL: https://acme.gw.test${target}`,
        'X-Original-Method: GET',
        ...fields,
      ]),
    forward: (target, fields) =>
      check('/authz/forward', [
        'X-Forwarded-Method: GET',
        `X-Forwarded-Uri: ${target}`,
        'X-Forwarded-Host: acme.gw.test',
        ...fields,
      ]),
    envoy: (target, fields) => check(`/authz/envoy${target}`, fields),
  };

/** No permission and no identity, a record that says so, nothing at the upstream, and a gateway that lives. */
async function expectNothingGiven(answer: RawAnswer, of = gateway): Promise<void> {
  expect(answer.status).toBeGreaterThanOrEqual(400);
  for (const name of IDENTITY) expect(answer.field(name)).toBeUndefined();
  const record = await of.auditOf(answer);
  expect(record.decision).toBe(record.status === 503 ? 'failed' : 'denied');
  expect(upstream.requests).toEqual([]);
  expect((await of.raw(wire('GET /nowhere', []))).status).toBe(404);
}

describe('M07 a client that reaches the listener by itself and says what the original request was', () => {
  it.each([
    [
      '/authz/forward',
      ['X-Forwarded-Method: OPTIONS', 'X-Forwarded-Uri: /status', 'X-Forwarded-Host: acme.gw.test'],
    ],
    ['/authz/nginx', ['X-Original-URL: https://acme.gw.test/status', 'X-Original-Method: GET']],
    ['/authz/envoy/status', []],
  ])('is told nothing by %s, since it is no listed peer', async (path, fields) => {
    const strict = await startTestGateway(config('192.0.2.7/32'));
    try {
      const answer = await check(path, [...fields, 'X-Forwarded-For: 192.0.2.7'], strict);
      expect(outcomeOf(answer)).toBe('403 peer_forbidden');
      await expectNothingGiven(answer, strict);
    } finally {
      await strict.stop();
    }
  });

  it('gains nothing through nginx, which passes its X-Forwarded-Uri on: the dialect does not read it', async () => {
    const claims = ['X-Forwarded-Uri: /status', 'X-Forwarded-Method: GET', 'X-Forwarded-Host: acme.gw.test'];
    const answer = await DIALECTS['nginx']?.('/api/orders', claims);
    expect(answer?.status).toBe(401);
    expect(answer?.field('x-auth-status')).toBe('401');
  });

  it('gains nothing by naming the field of the dialect a second time', async () => {
    const answers = [
      await DIALECTS['nginx']?.('/api/orders', ['X-Original-URL: https://acme.gw.test/status']),
      await DIALECTS['forward']?.('/api/orders', ['X-Forwarded-Uri: /status']),
    ];
    expect(answers.map((answer) => answer?.status)).toEqual([403, 400]);
  });
});

describe.each(Object.entries(DIALECTS))('M08 what is missing or garbled, in the dialect %s', (name, ask) => {
  it.each([
    '/status/../api/orders',
    '/status/%2e%2e/api/orders',
    '//status',
    '/status%2F..%2Fapi',
    '/status\\..\\api',
    '/status%00',
    '/status%252e%252e/api',
    '/status;/../api',
    '/status#/api',
    '/%c0%ae%c0%ae/api',
  ])('%s is refused as in the proxy mode', async (target) => {
    const forwarded = await gateway.raw(wire(`GET ${target}`, [], { host: 'acme.gw.test' }));
    expect(outcomeOf(forwarded)).toBe('400 path_not_canonical');
    const answer = await ask(target, []);
    await expectNothingGiven(answer);
    const told = name === 'nginx' ? `400 ${(await gateway.auditOf(answer)).code}` : outcomeOf(answer);
    expect(told).toBe('400 path_not_canonical');
  });

  it('a query is no part of the path that is judged', async () => {
    expect((await ask('/status?/../api', [])).status).toBe(200);
    expect((await ask('/api/orders?/status', [])).status).toBe(401);
  });
});

describe('M08 metadata', () => {
  it.each([
    ['/authz/forward', ['X-Forwarded-Method: GET', 'X-Forwarded-Host: acme.gw.test']],
    ['/authz/forward', ['X-Forwarded-Uri: /status', 'X-Forwarded-Host: acme.gw.test']],
    [
      '/authz/forward',
      ['X-Forwarded-Method: get', 'X-Forwarded-Uri: /status', 'X-Forwarded-Host: acme.gw.test'],
    ],
    [
      '/authz/forward',
      ['X-Forwarded-Method: GET', 'X-Forwarded-Uri: status', 'X-Forwarded-Host: acme.gw.test'],
    ],
    ['/authz/forward', ['X-Forwarded-Method: GET', 'X-Forwarded-Uri: /status', 'X-Forwarded-Host: a b']],
    ['/authz/nginx', ['X-Original-Method: GET', 'X-Original-URL: //acme.gw.test/status']],
    ['/authz/nginx', ['X-Original-Method: GET', 'X-Original-URL: ftp://acme.gw.test/status']],
    ['/authz/nginx', ['X-Original-Method: GET', 'X-Original-URL: https:///status']],
    ['/authz/nginx', ['X-Original-Method: CONNECT', 'X-Original-URL: https://acme.gw.test/status']],
  ])('that %s cannot read is no permission: %j', async (path, fields) => {
    await expectNothingGiven(await check(path, fields));
  });
});

describe('M09 an error inside', () => {
  it.each(Object.entries(DIALECTS))('of a cookie or token that is rubbish is 401 for %s', async (_, ask) => {
    for (const field of [
      'Cookie: __Host-gatehouse=%00',
      'Cookie: __Host-gatehouse=ghs_x',
      'Authorization: Bearer !',
    ])
      await expectNothingGiven(await ask('/api/orders', [field]));
  });

  it.each(Object.entries(DIALECTS))('of the issuer is 503 for %s, and nothing is allowed', async (_, ask) => {
    const pending = ask('/api/orders', [`Authorization: Bearer ${await token()}`]);
    await until('the key set is asked', () => asked.length > 0);
    for (const socket of asked) socket.destroy();
    const answer = await pending;
    expect(answer.status).toBe(503);
    await expectNothingGiven(answer);
  });

  describe.skipIf(redisMissing)(`of the store ${redisMissing ?? ''}`, () => {
    let redis: RunningRedis;
    let onRedis: TestGateway;
    beforeAll(async () => {
      redis = await startRedis();
      onRedis = await startTestGateway({
        ...config('127.0.0.1/32'),
        store: { redis: { url: redis.url, commandTimeout: '500ms' } },
        encryptionKeys: [{ id: 'e1', key: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=' }],
      });
      ({ key: unseen } = await onRedis.issueKey('acme'));
      await redis.kill();
    });
    let unseen: string;
    afterAll(async () => {
      await onRedis.stop();
      await redis.stop();
    });

    it.each([
      ['/authz/nginx', ['X-Original-URL: https://acme.gw.test/api/orders', 'X-Original-Method: GET']],
      [
        '/authz/forward',
        ['X-Forwarded-Method: GET', 'X-Forwarded-Uri: /api/orders', 'X-Forwarded-Host: acme.gw.test'],
      ],
      ['/authz/envoy/api/orders', []],
    ])('is 503 for %s, and nothing is allowed', async (path, fields) => {
      const answer = await check(path, [...fields, `X-API-Key: ${unseen}`], onRedis);
      expect(answer.status).toBe(503);
      expect(answer.field('retry-after')).toBeDefined();
      expect(upstream.requests).toEqual([]);
      for (const name of IDENTITY) expect(answer.field(name)).toBeUndefined();
      // Where nothing can be stored, the log alone tells it.
      expect(onRedis.log()).toContain(answer.field('gatehouse-decision-id') ?? 'none');
    });
  });

  it.each([
    [
      'nginx',
      (folder: string) => [
        '-p',
        folder,
        '-c',
        `${folder}/nginx.conf`,
        '-e',
        'stderr',
        '-g',
        `daemon off; pid ${folder}/pid;`,
      ],
    ],
    ['haproxy', () => ['-f', 'haproxy.cfg', '-db']],
    ['caddy', () => ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile']],
  ] as const)(
    'or no gateway at all is 503 to clients of %s, and nothing reaches the upstream',
    async (name, args) => {
      const program = findProgram(name);
      if (program === undefined) return console.log(`SKIPPED: ${name} is not installed`);
      const nobody = await findFreePort();
      const proxy = await startRecipe(name, program, args, {
        upstream: upstream.port,
        gateway: nobody,
        authz: nobody,
      });
      try {
        for (const target of ['/status', '/api/orders'])
          expect((await exchangeRaw(proxy.port, wire(`GET ${target}`, [`X-API-Key: ${key}`]))).status).toBe(
            503,
          );
        expect(upstream.requests).toHaveLength(0);
      } finally {
        await proxy.stop();
      }
    },
  );
});

describe.each(Object.entries(DIALECTS))('M10 identity that a client claims, in the dialect %s', (_, ask) => {
  it.each(['/status', '/api/orders'])(
    'is overwritten for %s: every field is answered, empty where it has no value',
    async (target) => {
      const answer = await ask(target, [`X-API-Key: ${key}`, 'X-Tenant-Id: globex', 'X-User-Id: root']);
      expect(answer.status).toBe(200);
      for (const field of IDENTITY) expect(answer.all(field)).toHaveLength(1);
      expect(answer.field('x-user-id')).toBe('');
      expect(answer.head).not.toMatch(/globex|root/);
      const removed = (answer.field('x-envoy-auth-headers-to-remove') ?? '').split(',');
      const spoken = CREDENTIALS.filter((field) => answer.field(field) === '' || removed.includes(field));
      expect(spoken).toEqual(CREDENTIALS);
    },
  );
});

describe.each(Object.entries(DIALECTS))('M11 a refusal in the dialect %s', (_, ask) => {
  it.each([
    ['/api/orders', ['Cookie: x=REFLECTED', 'X-Long: REFLECTED'.padEnd(8000, 'x')]],
    ['/REFLECTED', []],
    ['/api/REFLECTED?REFLECTED', ['X-API-Key: REFLECTED']],
  ])('of %s is short, and says nothing that the client said', async (target, fields) => {
    const answer = await ask(target, fields);
    await expectNothingGiven(answer);
    expect(answer.head.length + answer.raw.length).toBeLessThan(1000);
    expect(`${answer.head}${answer.raw.toString()}`).not.toContain('REFLECTED');
  });
});

const H2C = [
  'Connection: Upgrade, HTTP2-Settings',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
];

describe('F19 an upgrade to h2c, to be alone with the upstream', () => {
  it('is forwarded as a plain request, without Upgrade', async () => {
    const message = ['GET /status HTTP/1.1', 'Host: acme.gw.test', ...H2C, '', ''].join('\r\n');
    const client = await connectRaw(gateway.port);
    client.send(message);
    await client.until((text) => text.endsWith('ok'));
    expect(parseAnswer(client.received()).status).toBe(200);
    const [request] = upstream.requests;
    expect(request?.startLine).toBe('GET /status HTTP/1.1');
    expect(request?.head).not.toMatch(/upgrade|http2-settings|h2c/i);
    // Frames that follow are another request, and no good one.
    client.send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await client.closed();
    expect(upstream.requests).toHaveLength(1);
  });

  it.each(Object.entries(DIALECTS))('is judged like any other request by %s', async (_, ask) => {
    const plain = H2C.map((field) => field.replace('Upgrade, HTTP2-Settings', 'close'));
    expect((await ask('/status', plain)).status).toBe(200);
    expect((await ask('/api/orders', plain)).status).toBe(401);
  });
});

describe('L10 a gateway that is told to end while it is asked', () => {
  it('answers what it was asked, and takes no more', async () => {
    const ending = await startTestGateway(config('127.0.0.1/32'));
    const port = portOf(ending);
    const client = await connectRaw(port);
    client.send(
      wire('GET /authz/envoy/api/orders', [`Authorization: Bearer ${await token()}`], {
        host: 'acme.gw.test',
      }),
    );
    const isAsked = async () => /^http_server_active_requests\S* 1$/m.test(await ending.metrics());
    await until('the check has begun', isAsked);
    await until('the key set is asked', () => asked.length > 0);
    const stopped = ending.stop();
    await until('the listener is closed', async () => {
      const refused = await connectRaw(port).then(
        (late) => (late.close(), false),
        () => true,
      );
      return refused;
    });
    const jwks = JSON.stringify({ keys: [signing.publicJwk] });
    for (const socket of asked)
      socket.write(
        `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${jwks.length}\r\n\r\n${jwks}`,
      );
    await client.closed();
    const answer = parseAnswer(client.received());
    expect(answer.status).toBe(200);
    expect(answer.field('x-tenant-id')).toBe('acme');
    await stopped;
  });
});

function token(): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'https://login.test',
    aud: 'api',
    sub: 'ann',
    client_id: 'app',
    iat: now,
    exp: now + 300,
  };
  return signToken(signing, claims);
}
