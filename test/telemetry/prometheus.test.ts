import { expect, test } from 'vitest';
import { createMetrics } from '../../src/telemetry/prometheus.ts';

async function samples(metrics: ReturnType<typeof createMetrics>): Promise<readonly string[]> {
  return (await metrics.expose()).body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

test('a finished request is in its duration, by route, code and status class, and in the decisions', async () => {
  const metrics = createMetrics();
  metrics.requestStarted();
  metrics.requestStarted();
  metrics.requestStarted();
  metrics.requestFinished('orders', 'admitted', 200, 0.02);
  metrics.requestFinished('orders', 'admitted', 204, 0.3);
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'http_server_request_duration_seconds_bucket{le="0.025",route="orders",code="admitted",status="2xx"} 1',
      'http_server_request_duration_seconds_bucket{le="0.5",route="orders",code="admitted",status="2xx"} 2',
      'http_server_request_duration_seconds_count{route="orders",code="admitted",status="2xx"} 2',
      'gatehouse_decisions_total{code="admitted"} 2',
      'http_server_active_requests 1',
    ]),
  );
});

test('requests that differ in one label alone are counted apart', async () => {
  const metrics = createMetrics();
  metrics.requestFinished('a', 'admitted', 200, 0.1);
  metrics.requestFinished('b', 'admitted', 200, 0.1);
  metrics.requestFinished('a', 'credential_invalid', 401, 0.1);
  metrics.requestFinished('a', 'admitted', 0, 0.1);
  const counts = (await samples(metrics)).filter((line) => line.includes('request_duration_seconds_count'));
  expect(counts).toEqual(
    [
      'a",code="admitted",status="2xx',
      'b",code="admitted",status="2xx',
      'a",code="credential_invalid",status="4xx',
      'a",code="admitted",status="none',
    ].map((labels) => `http_server_request_duration_seconds_count{route="${labels}"} 1`),
  );
});

test('a failed reload leaves revision and time of the configuration that is serving', async () => {
  const metrics = createMetrics(() => 1_700_000_000_000);
  metrics.reload('ok', 'r1');
  metrics.reload('ok', 'r2');
  metrics.reload('failed', 'r2');
  const found = (await samples(metrics)).filter((line) => line.startsWith('gatehouse_config'));
  expect(found).toEqual([
    'gatehouse_config_reloads_total{outcome="ok"} 2',
    'gatehouse_config_reloads_total{outcome="failed"} 1',
    'gatehouse_config_last_reload_successful 0',
    'gatehouse_config_last_reload_success_timestamp_seconds 1700000000',
    'gatehouse_config_info{revision="r2"} 1',
  ]);
});

test('caches, store, issuers, upstreams and audit are counted', async () => {
  const metrics = createMetrics();
  metrics.cacheLookup('bearer', 'hit');
  metrics.storeError('embedded', 'findByDigest');
  metrics.keyFetch('acme-login', 'failed');
  metrics.introspection('acme-login', 'inactive');
  metrics.upstreamFailed('orders', 'upstream_timeout');
  metrics.upstreamAnswered('orders', 503, 1);
  metrics.targetHealth('orders', 'http://a:1', true);
  metrics.targetHealth('orders', 'http://b:1', false);
  metrics.auditDropped(7);
  expect(await samples(metrics)).toEqual(
    expect.arrayContaining([
      'gatehouse_cache_lookups_total{cache="bearer",outcome="hit"} 1',
      'gatehouse_store_errors_total{store="embedded",operation="findByDigest"} 1',
      'gatehouse_issuer_key_fetches_total{issuer="acme-login",outcome="failed"} 1',
      'gatehouse_introspections_total{issuer="acme-login",outcome="inactive"} 1',
      'gatehouse_upstream_failures_total{upstream="orders",code="upstream_timeout"} 1',
      'http_client_request_duration_seconds_count{upstream="orders",status="5xx"} 1',
      'gatehouse_upstream_target_up{upstream="orders",target="http://a:1"} 1',
      'gatehouse_upstream_target_up{upstream="orders",target="http://b:1"} 0',
      'gatehouse_audit_dropped_total 7',
    ]),
  );
});

test('a gauge is read when metrics are scraped, and the last reader given counts', async () => {
  const metrics = createMetrics();
  let size = 1;
  metrics.gauge('revocations', () => 99);
  metrics.gauge('revocations', () => size);
  expect(await samples(metrics)).toContain('gatehouse_revocations 1');
  size = 2;
  expect(await samples(metrics)).toContain('gatehouse_revocations 2');
});

test('two gateways in one process do not mix', async () => {
  const one = createMetrics();
  const other = createMetrics();
  one.auditDropped(1);
  expect(await samples(other)).toContain('gatehouse_audit_dropped_total 0');
});

test('counting a request costs a few microseconds at most', () => {
  const metrics = createMetrics();
  const count = 100_000;
  const started = process.cpuUsage();
  for (let request = 0; request < count; request += 1)
    metrics.requestFinished('orders', 'admitted', 200, 0.02);
  expect(process.cpuUsage(started).user / count).toBeLessThan(10);
});
