import { readFileSync, writeFileSync } from 'node:fs';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { createPoolRegistry } from '../../src/upstream/pool-registry.ts';
import { createUpstreams } from '../../src/upstream/upstreams.ts';
import { createCertificateAuthority } from '../support/certificates.ts';
import { settingsOf } from '../support/forwarding-gateway.ts';
import { clientFor, gatewayFor, OK, upstreamFor } from '../support/forwarding-scenario.ts';
import { createRecordedMetrics } from '../support/recorded-metrics.ts';

function registry() {
  const pools = createPoolRegistry({ log: pino({ level: 'silent' }), metrics: createRecordedMetrics() });
  onTestFinished(() => pools.close(0));
  return pools;
}

function compile(pools: ReturnType<typeof registry>, upstream: object) {
  const { upstreams, tenants } = settingsOf({ api: upstream });
  return createUpstreams(upstreams, tenants, { pools, metrics: createRecordedMetrics(), clock: Date.now });
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

test('a reload that leaves a target as it was keeps its connections and its health', async () => {
  const pools = registry();
  const upstream = await upstreamFor((socket, _request, number) => {
    if (number === 2) socket.destroy();
    else socket.write(OK);
  });
  const settings = { targets: [upstream.origin], health: { failures: 1 } };
  const before = await gatewayFor({ upstream: settings, pools });
  const client = await clientFor(before);
  client.send(GET);
  await client.until((text) => text.endsWith('ok'));

  const after = await gatewayFor({ upstream: { ...settings, basePath: '/v2' }, pools });
  before.upstreams.release();
  const second = await clientFor(after);
  second.send(GET);
  await second.until((text) => text.endsWith('ok'));
  expect(upstream.connections).toHaveLength(1);

  // A POST, so that it is not sent again: the target is out now, for the next generation too.
  second.send('POST / HTTP/1.1\r\nHost: a\r\n\r\n');
  await after.outcome(1);
  const last = await gatewayFor({ upstream: settings, pools });
  const third = await clientFor(last);
  third.send(GET);
  await last.outcome(0);
  expect(last.metrics.count('upstreamFailed api no_healthy_target')).toBe(1);
});

test.each([
  ['another connect timeout', { timeouts: { connect: '7s' } }],
  ['another limit of connections', { connections: 5 }],
])('a reload with %s opens connections of its own and closes the old ones', async (_what, change) => {
  const pools = registry();
  const upstream = await upstreamFor(OK);
  const before = await gatewayFor({ upstream: { targets: [upstream.origin] }, pools });
  const client = await clientFor(before);
  client.send(GET);
  await client.until((text) => text.endsWith('ok'));
  const after = await gatewayFor({ upstream: { targets: [upstream.origin], ...change }, pools });
  before.upstreams.release();
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
  const second = await clientFor(after);
  second.send(GET);
  await second.until((text) => text.endsWith('ok'));
  expect(upstream.requests.map(({ connection }) => connection)).toEqual([0, 1]);
});

test('requests in flight finish when their target is gone from the configuration', async () => {
  const pools = registry();
  const upstream = await upstreamFor(() => {});
  const gateway = await gatewayFor({ upstream: { targets: [upstream.origin] }, pools });
  const client = await clientFor(gateway);
  client.send(GET);
  await upstream.request(0);
  gateway.upstreams.release();
  upstream.connections[0]?.socket.write(OK);
  await client.until((text) => text.endsWith('ok'));
  await upstream.until(() => upstream.connections[0]?.isClosed === true);
});

test('closing waits for requests in flight', async () => {
  const pools = registry();
  const upstream = await upstreamFor(() => {});
  const gateway = await gatewayFor({ upstream: { targets: [upstream.origin] }, pools });
  const client = await clientFor(gateway);
  client.send(GET);
  await upstream.request(0);
  const closed = pools.close(60_000);
  upstream.connections[0]?.socket.write(OK);
  await closed;
  await client.until((text) => text.endsWith('ok'));
  expect(gateway.outcomes).toMatchObject([{ kind: 'answered' }]);
});

test('closing cuts requests that take longer than the grace, and those that wait for a connection', async () => {
  const pools = registry();
  const upstream = await upstreamFor(() => {});
  const gateway = await gatewayFor({ upstream: { targets: [upstream.origin], connections: 1 }, pools });
  for (const client of [await clientFor(gateway), await clientFor(gateway)]) client.send(GET);
  await upstream.request(0);
  await pools.close(50);
  await gateway.outcome(1);
  const cut = {
    kind: 'failed',
    code: 'upstream_unavailable',
    reason: 'the pool was closed',
  };
  expect(gateway.outcomes).toEqual([cut, cut]);
});

test.each([
  ['http://169.254.169.254', 'is an address that nothing is forwarded to'],
  ['http://[::ffff:a9fe:a9fe]:80', 'is an address that nothing is forwarded to'],
  ['http://2852039166/', 'is an address that nothing is forwarded to'],
  ['http://api.test/v1', 'has a path; that is what basePath is for'],
])('target %s is refused when the configuration is compiled', (target, message) => {
  expect(() => compile(registry(), { targets: ['http://127.0.0.1:1', target] })).toThrow(
    `upstreams.api: target ${target} ${message}`,
  );
});

test('TLS files that cannot be read or used are refused when the configuration is compiled', () => {
  const authority = createCertificateAuthority();
  onTestFinished(() => authority.remove());
  const one = authority.issue('one', ['DNS:one']);
  const two = authority.issue('two', ['DNS:two']);
  const targets = ['https://127.0.0.1:1'];
  expect(() => compile(registry(), { targets, tls: { ca: '/nowhere.pem' } })).toThrow(
    'upstreams.api.tls.ca: cannot read /nowhere.pem',
  );
  expect(() => compile(registry(), { targets, tls: { cert: one.certPath, key: two.keyPath } })).toThrow(
    /key/,
  );
});

test('a renewed certificate file makes a new pool', () => {
  const authority = createCertificateAuthority();
  onTestFinished(() => authority.remove());
  const pools = registry();
  const acquired: unknown[] = [];
  const spy = {
    ...pools,
    acquire: (...given: Parameters<typeof pools.acquire>) => {
      const target = pools.acquire(...given);
      acquired.push(target);
      return target;
    },
  };
  const settings = { targets: ['https://127.0.0.1:1'], tls: { ca: authority.caPath } };
  compile(spy, settings);
  compile(spy, settings);
  writeFileSync(authority.caPath, `${readFileSync(authority.caPath, 'utf8')}\n`);
  compile(spy, settings);
  expect(acquired[0]).toBe(acquired[1]);
  expect(acquired[2]).not.toBe(acquired[1]);
});
