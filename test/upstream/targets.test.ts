import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Outage } from '../../src/base/outage.ts';
import type { ForwardingGateway } from '../support/forwarding-gateway.ts';
import {
  answerOf,
  clientFor,
  gatewayFor,
  OK,
  scenario,
  upstreamFor,
} from '../support/forwarding-scenario.ts';
import { exchangeRaw } from '../support/raw-client.ts';
import type { RawUpstream } from '../support/raw-upstream.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** An origin where nothing listens. */
async function closedOrigin(): Promise<string> {
  const upstream = await upstreamFor(OK);
  await upstream.close();
  return upstream.origin;
}

async function askTimes(gateway: ForwardingGateway, count: number): Promise<number[]> {
  const statuses: number[] = [];
  for (let each = 0; each < count; each += 1) statuses.push((await exchangeRaw(gateway.port, GET)).status);
  return statuses;
}

function answerLate(socket: Socket): void {
  setTimeout(() => socket.write(OK), 20);
}

function counts(...upstreams: readonly RawUpstream[]): number[] {
  return upstreams.map(({ requests }) => requests.length);
}

test('idle targets take turns', async () => {
  const [a, b, c] = [await upstreamFor(OK), await upstreamFor(OK), await upstreamFor(OK)];
  const gateway = await gatewayFor({ upstream: { targets: [a.origin, b.origin, c.origin] } });
  await askTimes(gateway, 9);
  expect(counts(a, b, c)).toEqual([3, 3, 3]);
});

test('a target that is busy gets no further request while another is free', async () => {
  const [slow, fast] = [await upstreamFor(() => {}), await upstreamFor(OK)];
  const gateway = await gatewayFor({ upstream: { targets: [slow.origin, fast.origin] } });
  const stuck = await clientFor(gateway);
  // One of the first two is stuck.
  for (let each = 0; each < 2; each += 1) stuck.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await slow.until(() => slow.requests.length === 1);
  const before = fast.requests.length;
  expect(await askTimes(gateway, 6)).toEqual([200, 200, 200, 200, 200, 200]);
  expect([slow.requests.length, fast.requests.length - before]).toEqual([1, 6]);
});

test('where a target refuses connections, any request goes to another one, with fields made for that one', async () => {
  const dead = await closedOrigin();
  const alive = await upstreamFor(OK);
  const gateway = await gatewayFor({
    upstream: { targets: [dead, alive.origin], health: { failures: 100 } },
    fieldsFor: (target) => ['Host', target.authority, 'X-Bound-To', target.authority],
  });
  const post = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n';
  for (const rest of [
    'Content-Length: 4\r\n\r\nbody',
    'Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n',
  ]) {
    for (let each = 0; each < 2; each += 1) {
      expect((await exchangeRaw(gateway.port, post + rest)).status).toBe(200);
    }
  }
  expect(alive.requests.map(({ body }) => body.toString())).toEqual(['body', 'body', 'body', 'body']);
  expect(alive.requests.map((request) => request.field('x-bound-to'))).toEqual(
    Array.from({ length: 4 }, () => alive.authority),
  );
});

test('each target is tried at most once where none takes connections', async () => {
  const gateway = await gatewayFor({
    upstream: { targets: [await closedOrigin(), await closedOrigin()], health: { failures: 100 } },
    fieldsFor: (target) => {
      tried.push(target.origin);
      return ['Host', target.authority];
    },
  });
  const tried: string[] = [];
  expect(await askTimes(gateway, 1)).toEqual([502]);
  expect(new Set(tried).size).toBe(2);
  expect(tried).toHaveLength(2);
});

test.each([
  ['GET', '', 'is sent again'],
  ['DELETE', '', 'is sent again'],
  ['POST', '', 'is not'],
  ['PUT', 'Content-Length: 1\r\n\r\nx', 'is not'],
])('%s %j whose kept connection breaks at that moment %s', async (method, rest, expected) => {
  const { gateway, upstream } = await scenario((socket, _request, number) => {
    if (number === 1) socket.destroy();
    else socket.write(OK);
  });
  const client = await clientFor(gateway);
  client.send('GET /warm HTTP/1.1\r\nHost: a\r\n\r\n');
  await client.until((text) => text.endsWith('ok'));
  client.send(`${method} /it HTTP/1.1\r\nHost: a\r\n${rest === '' ? '\r\n' : rest}`);
  const outcome = await gateway.outcome(1);
  const isRetried = expected === 'is sent again';
  expect(outcome).toMatchObject(isRetried ? { kind: 'answered' } : { code: 'upstream_unavailable' });
  expect(upstream.requests.map(({ connection }) => connection)).toEqual(isRetried ? [0, 0, 1] : [0, 0]);
});

test.each([
  ['breaks a new connection', (_write: (bytes: string) => void, end: () => void) => end()],
  [
    'breaks after the first byte',
    (write: (bytes: string) => void, end: () => void) => {
      write('H');
      end();
    },
  ],
  [
    'answers 503',
    (write: (bytes: string) => void) => write(answerOf('503 X', ['Retry-After: 1', 'Content-Length: 0'])),
  ],
  ['answers nonsense', (write: (bytes: string) => void) => write('SSH-2.0-OpenSSH_9.9\r\n')],
])('a GET is never sent again to an upstream that %s', async (_what, act) => {
  const [first, second] = [0, 1].map(() =>
    upstreamFor((socket) => {
      act(
        (bytes) => socket.write(bytes),
        () => socket.end(),
      );
    }),
  );
  const [a, b] = [await first, await second];
  if (a === undefined || b === undefined) throw new Error('no upstream');
  const gateway = await gatewayFor({ upstream: { targets: [a.origin, b.origin] } });
  await askTimes(gateway, 1);
  expect(a.requests.length + b.requests.length).toBe(1);
});

test('a target that fails requests in a row is left alone, then tried once, then back', async () => {
  let now = 1_000_000;
  let isIll = true;
  const ill = await upstreamFor((socket) => {
    if (isIll) socket.destroy();
    else socket.write(OK);
  });
  const well = await upstreamFor(OK);
  const gateway = await gatewayFor({
    upstream: { targets: [ill.origin, well.origin], health: { failures: 2, eject: '10s' } },
    clock: () => now,
  });
  await askTimes(gateway, 4);
  // Of late, it has failed and the other has not.
  expect(ill.requests).toHaveLength(1);
  now += 10_000;
  await askTimes(gateway, 4);
  expect(ill.requests).toHaveLength(2);
  expect(gateway.metrics.count(`targetHealth api ${ill.origin} false`)).toBe(1);
  expect(await askTimes(gateway, 4)).toEqual([200, 200, 200, 200]);
  expect(ill.requests).toHaveLength(2);

  now += 10_000;
  expect((await askTimes(gateway, 4)).filter((status) => status === 502)).toHaveLength(1);
  expect(ill.requests).toHaveLength(3);

  now += 10_000;
  isIll = false;
  expect(await askTimes(gateway, 4)).toEqual([200, 200, 200, 200]);
  expect(ill.requests).toHaveLength(5);
  expect(
    gateway.metrics.counts.filter((count) => count.startsWith(`targetHealth api ${ill.origin}`)),
  ).toEqual([
    `targetHealth api ${ill.origin} true`,
    `targetHealth api ${ill.origin} false`,
    `targetHealth api ${ill.origin} true`,
  ]);
});

test('where every target is out, one is tried all the same, and that is counted', async () => {
  const { ask, gateway, upstream } = await scenario((socket) => void socket.destroy(), {
    upstream: { health: { failures: 1 } },
  });
  await ask('GET /');
  expect((await ask('GET /')).status).toBe(502);
  expect(upstream.requests).toHaveLength(2);
  expect(gateway.metrics.count('upstreamFailed api no_healthy_target')).toBe(1);
  expect(gateway.metrics.count('upstreamFailed api upstream_unavailable')).toBe(2);
});

test('statuses of the application take no target out', async () => {
  const { ask, gateway } = await scenario(answerOf('500 No', ['Content-Length: 0']), {
    upstream: { health: { failures: 1 } },
  });
  for (let each = 0; each < 3; each += 1) expect((await ask('GET /')).status).toBe(500);
  expect(gateway.metrics.counts.filter((count) => count.endsWith('false'))).toEqual([]);
});

test('a target that fails quickly does not draw the requests of those that take their time', async () => {
  let isIll = true;
  const ill = await upstreamFor((socket) => {
    socket.write(isIll ? answerOf('500 No', ['Content-Length: 0']) : OK);
  });
  const well = [await upstreamFor(answerLate), await upstreamFor(answerLate)];
  let now = 1_000_000;
  const gateway = await gatewayFor({
    upstream: { targets: [ill, ...well].map(({ origin }) => origin) },
    clock: () => now,
  });
  const statuses = (await Promise.all(Array.from({ length: 8 }, () => askTimes(gateway, 15)))).flat();
  // By requests in flight alone, it would be nearly all of them.
  const failed = statuses.filter((status) => status === 500).length;
  expect(failed).toBeGreaterThan(0);
  expect(failed).toBeLessThan(statuses.length / 3);
  expect(gateway.metrics.counts.filter((count) => count.endsWith('false'))).toEqual([]);

  isIll = false;
  const before = ill.requests.length;
  now += 60_000;
  await askTimes(gateway, 9);
  expect(ill.requests.length - before).toBe(3);
});

test('errors that all targets answer alike change nothing', async () => {
  const no = answerOf('500 No', ['Content-Length: 0']);
  const targets = [await upstreamFor(no), await upstreamFor(no), await upstreamFor(no)];
  const gateway = await gatewayFor({ upstream: { targets: targets.map(({ origin }) => origin) } });
  await askTimes(gateway, 30);
  expect(counts(...targets)).toEqual([10, 10, 10]);
});

test('checks take a target out before a request finds out, and bring it back', async () => {
  let status = '503 Ill';
  const [checked, other] = [
    await upstreamFor((socket, request) =>
      socket.write(
        request.startLine.startsWith('GET /health ') ? answerOf(status, ['Content-Length: 0']) : OK,
      ),
    ),
    await upstreamFor(OK),
  ];
  const gateway = await gatewayFor({
    upstream: {
      targets: [checked.origin, other.origin],
      health: { path: '/health', every: '20ms', failures: 2 },
    },
  });
  const turned = (isHealthy: boolean) =>
    expect
      .poll(() => gateway.metrics.counts)
      .toContain(`targetHealth api ${checked.origin} ${String(isHealthy)}`);
  await turned(false);
  const probes = () => checked.requests.filter(({ startLine }) => startLine.startsWith('GET /health '));
  expect(await askTimes(gateway, 4)).toEqual([200, 200, 200, 200]);
  expect(checked.requests.length).toBe(probes().length);
  expect(probes()[0]?.field('host')).toBe(checked.authority);

  status = '302 Found';
  const before = gateway.metrics.counts.length;
  await expect
    .poll(() => gateway.metrics.counts.slice(before))
    .toContain(`targetHealth api ${checked.origin} true`);
  await askTimes(gateway, 4);
  expect(checked.requests.length).toBeGreaterThan(probes().length);
});

test('a check that gets no answer in time has failed', async () => {
  const upstream = await upstreamFor(() => {});
  const gateway = await gatewayFor({
    upstream: {
      targets: [upstream.origin],
      health: { path: '/', every: '10ms', timeout: '50ms', failures: 1 },
    },
  });
  await expect.poll(() => gateway.metrics.counts).toContain(`targetHealth api ${upstream.origin} false`);
});

test('an identity that cannot be made stops the request before a byte is sent', async () => {
  const { ask, gateway, upstream } = await scenario(OK, {
    fieldsFor: () => {
      throw new Outage('identity_unavailable', 'no key');
    },
  });
  const answer = await ask('GET /');
  expect([answer.status, answer.body.toString()]).toEqual([503, 'identity_unavailable']);
  expect(gateway.outcomes).toEqual([{ kind: 'failed', code: 'identity_unavailable', reason: 'no key' }]);
  expect(upstream.connections).toHaveLength(0);
});

test('an answer is counted with its status and the time to its head', async () => {
  const { ask, gateway } = await scenario(OK);
  await ask('GET /');
  expect(gateway.metrics.counts).toContainEqual(expect.stringMatching(/^upstreamAnswered api 200 0\.\d+$/));
});

test('what breaks off within the answer is counted as a failure of the upstream; what the client did wrong is not', async () => {
  const broken = await scenario((socket) => {
    socket.end(answerOf('200 OK', ['Content-Length: 9'], 'begin'));
  });
  await broken.ask('GET /');
  expect(broken.gateway.metrics.count('upstreamFailed api upstream_unavailable')).toBe(1);
  const large = await scenario(OK, { bodyLimit: 1 });
  expect((await large.ask('POST /', 'Transfer-Encoding: chunked', '', '2', 'ab', '0')).status).toBe(413);
  expect(large.gateway.metrics.counts.filter((count) => count.startsWith('upstreamFailed'))).toEqual([]);
});
