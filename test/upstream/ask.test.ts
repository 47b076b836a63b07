import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { parseTenantId } from '../../src/tenants/tenant.ts';
import { AskFailed } from '../../src/upstream/ask.ts';
import type { OwnRequest } from '../../src/upstream/upstream.ts';
import type { ForwardingGateway, ForwardingGatewayOptions } from '../support/forwarding-gateway.ts';
import { answerOf, gatewayFor, OK, scenario, upstreamFor } from '../support/forwarding-scenario.ts';

const REQUEST: OwnRequest = {
  method: 'POST',
  target: '/login?a=1',
  fieldsFor: (target) => ['Host', target.authority, 'X-Bound-To', target.authority],
  body: Buffer.from('secret=1'),
  tenant: undefined,
  timeoutMilliseconds: 2000,
  answerLimit: 1024,
};

function ask(gateway: ForwardingGateway, request: Partial<OwnRequest> = {}) {
  const upstream = gateway.upstreams.byName.get('api');
  if (upstream === undefined) throw new Error('no upstream');
  return upstream.ask({ ...REQUEST, ...request });
}

async function failureOf(promise: Promise<unknown>): Promise<AskFailed> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof AskFailed)) throw new Error('it did not fail', { cause: error });
  return error;
}

async function deadOrigin(): Promise<string> {
  const upstream = await upstreamFor(OK);
  await upstream.close();
  return upstream.origin;
}

function healthOf(gateway: ForwardingGateway): readonly boolean[] {
  return (
    gateway.upstreams.byName
      .get('api')
      ?.targetsOf(undefined)
      .map(({ isHealthy }) => isHealthy) ?? []
  );
}

test('a request goes out with base path, fields and body, and its answer comes back whole', async () => {
  const { gateway, upstream } = await scenario(
    answerOf(
      '302 Found',
      [
        'Set-Cookie: a=1; Path=/',
        'X-Latin: caf\xe9',
        'Set-Cookie: b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT',
        'Connection: X-Private',
        'X-Private: 1',
        'Location: /elsewhere',
        'Content-Length: 3',
      ],
      'who',
    ),
    { upstream: { basePath: '/base' } },
  );
  const answer = await ask(gateway);
  expect([answer.status, answer.body.toString()]).toEqual([302, 'who']);
  expect(answer.fields).toEqual([
    'Set-Cookie',
    'a=1; Path=/',
    'X-Latin',
    'caf\xe9',
    'Set-Cookie',
    'b=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT',
    'Location',
    '/elsewhere',
    'Content-Length',
    '3',
  ]);
  const request = await upstream.request(0);
  expect(upstream.requests).toHaveLength(1);
  expect(request.startLine).toBe('POST /base/login?a=1 HTTP/1.1');
  expect(request.field('host')).toBe(upstream.authority);
  expect(request.field('x-bound-to')).toBe(upstream.authority);
  expect(request.field('content-length')).toBe('8');
  expect(request.body.toString()).toBe('secret=1');
});

test('a Location that names the target is rewritten for a client, and left alone without one', async () => {
  const { gateway } = await scenario((socket, request) => {
    socket.write(
      answerOf('302 Found', [`Location: http://${request.field('host') ?? ''}/home`, 'Content-Length: 0']),
    );
  });
  const own = await ask(gateway);
  expect(own.fields[1]).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/home$/);
  const told = await ask(gateway, { publicOrigin: 'https://public.test' });
  expect(told.fields[1]).toBe('https://public.test/home');
});

test('a target that refuses connections is left for another one, with fields made for that one', async () => {
  const alive = await upstreamFor(OK);
  const gateway = await gatewayFor({
    upstream: { targets: [await deadOrigin(), alive.origin], health: { failures: 100 } },
  });
  for (let each = 0; each < 3; each += 1) expect((await ask(gateway)).status).toBe(200);
  expect(alive.requests.map((request) => request.field('x-bound-to'))).toEqual(
    Array.from({ length: 3 }, () => alive.authority),
  );
});

test.each([
  ['that breaks the connection', (socket: Socket) => socket.destroy()],
  ['that answers garbage', (socket: Socket) => socket.write('SSH-2.0-x\r\n\r\n')],
] as const)('a POST to a target %s is not sent anywhere again', async (_, handler) => {
  const [a, b] = [await upstreamFor(handler), await upstreamFor(handler)];
  const gateway = await gatewayFor({
    upstream: { targets: [a.origin, b.origin], health: { failures: 100 } },
  });
  expect((await failureOf(ask(gateway))).code).toBe('upstream_unavailable');
  expect(a.requests.length + b.requests.length).toBe(1);
});

test('what a broken request costs a target of its health is what a forwarded one would', async () => {
  const { gateway } = await scenario((socket) => void socket.destroy(), {
    upstream: { health: { failures: 2, eject: '1h' } },
  });
  await failureOf(ask(gateway));
  expect(healthOf(gateway)).toEqual([true]);
  await failureOf(ask(gateway));
  expect(healthOf(gateway)).toEqual([false]);
});

const LATE: ReadonlyArray<readonly [string, string | (() => void)]> = [
  ['nothing', () => {}],
  ['a head without an end', answerOf('200 OK', ['Content-Length: 10'], 'half')],
];

test.each(LATE)(
  'an upstream that sends %s in time is a timeout, and its health is left alone',
  async (_, handler) => {
    const { gateway, upstream } = await scenario(handler, {
      upstream: { health: { failures: 1, eject: '1h' } },
    });
    const failure = await failureOf(ask(gateway, { timeoutMilliseconds: 100 }));
    expect(failure.code).toBe('upstream_timeout');
    await upstream.until(() => upstream.connections[0]?.isClosed === true);
    expect(healthOf(gateway)).toEqual([true]);
  },
);

test('a request that waits for a connection is over in time too, and is never sent', async () => {
  const { gateway, upstream } = await scenario(() => {}, { upstream: { connections: 1 } });
  const first = ask(gateway, { timeoutMilliseconds: 400 });
  await upstream.request(0);
  expect((await failureOf(ask(gateway, { timeoutMilliseconds: 50 }))).code).toBe('upstream_timeout');
  await failureOf(first);
  expect(upstream.requests).toHaveLength(1);
});

const LONG: ReadonlyArray<readonly [string, string]> = [
  ['announced', answerOf('200 OK', ['Content-Length: 1025'], 'x'.repeat(1025))],
  ['chunked', answerOf('200 OK', ['Transfer-Encoding: chunked'], `401\r\n${'x'.repeat(1025)}\r\n0\r\n\r\n`)],
];

test.each(LONG)('an answer longer than the limit is an error: %s', async (_, answer) => {
  const { gateway } = await scenario(answer);
  const failure = await failureOf(ask(gateway));
  expect([failure.code, failure.message]).toEqual([
    'upstream_unavailable',
    'the answer is longer than 1024 bytes',
  ]);
});

test('an answer as long as the limit is none', async () => {
  const { gateway } = await scenario(answerOf('200 OK', ['Content-Length: 1024'], 'x'.repeat(1024)));
  expect((await ask(gateway)).body).toHaveLength(1024);
});

test('a GET on an old connection that breaks is sent again, a POST is not', async () => {
  const options: Partial<ForwardingGatewayOptions> = {
    upstream: { connections: 1, health: { failures: 100 } },
  };
  for (const [method, requests] of [
    ['GET', 3],
    ['POST', 2],
  ] as const) {
    const { gateway, upstream } = await scenario((socket, _, number) => {
      if (number === 1) socket.destroy();
      else socket.write(OK);
    }, options);
    const { body, ...withoutBody } = REQUEST;
    const request = method === 'GET' ? withoutBody : { ...withoutBody, body: body ?? Buffer.alloc(0) };
    const api = gateway.upstreams.byName.get('api');
    await api?.ask({ ...request, method });
    const second = await api?.ask({ ...request, method }).then(
      (answer) => answer.status,
      (error: unknown) => (error instanceof AskFailed ? error.code : error),
    );
    expect(second).toBe(method === 'GET' ? 200 : 'upstream_unavailable');
    expect(upstream.requests).toHaveLength(requests);
  }
});

test('a tenant with targets of its own is asked there', async () => {
  const [everybodys, own] = [await upstreamFor(OK), await upstreamFor(OK)];
  const gateway = await gatewayFor({
    upstream: { targets: [everybodys.origin] },
    tenants: { acme: { upstreams: { api: [own.origin] } } },
  });
  await ask(gateway, { tenant: parseTenantId('acme') });
  expect([everybodys.requests.length, own.requests.length]).toEqual([0, 1]);
});

test('a 304 that announces a body ends with its head', async () => {
  const { gateway } = await scenario(answerOf('304 Not Modified', ['Content-Length: 5']));
  const { body: _, ...request } = REQUEST;
  expect((await gateway.upstreams.byName.get('api')?.ask({ ...request, method: 'GET' }))?.status).toBe(304);
});

test('an upstream that is gone is an error with the reason for the log', async () => {
  const gateway = await gatewayFor({ upstream: { targets: [await deadOrigin()] } });
  const failure = await failureOf(ask(gateway));
  expect([failure.code, failure.message]).toEqual([
    'upstream_unavailable',
    expect.stringContaining('ECONNREFUSED'),
  ]);
});
