import { expect, test } from 'vitest';
import { createMergedMetrics, type MetricsSource } from '../../src/telemetry/merged-metrics.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';

interface Process {
  readonly metrics: Metrics;
  readonly source: MetricsSource;
  silent: boolean;
}

function aProcess(): Process {
  const metrics = createMetrics();
  const process: Process = {
    metrics,
    silent: false,
    source: { snapshot: async () => (process.silent ? undefined : metrics.snapshot()) },
  };
  return process;
}

function scene() {
  const own = createMetrics();
  const [one, other] = [aProcess(), aProcess()];
  const present = new Set([one, other]);
  const merged = createMergedMetrics({ own, sources: () => [...present].map(({ source }) => source) });
  return {
    own,
    one,
    other,
    merged,
    leave: (process: Process): void => {
      present.delete(process);
      merged.retire(process.source);
    },
    /** Value of a sample, written as in the exposition. */
    value: async (sample: string): Promise<number | undefined> => {
      const { body } = await merged.expose();
      const line = body.split('\n').find((text) => text.startsWith(`${sample} `));
      return line === undefined ? undefined : Number(line.slice(sample.length + 1));
    },
  };
}

const ADMITTED = 'gatehouse_decisions_total{code="admitted"}';

function admit({ metrics }: Process, times: number): void {
  for (let count = 0; count < times; count += 1) {
    metrics.requestStarted();
    metrics.requestFinished('orders', 'admitted', 200, 0.02);
  }
}

test('what processes count adds up, and histograms do by bucket', async () => {
  const { one, other, value } = scene();
  admit(one, 3);
  admit(other, 4);
  const labels = 'route="orders",code="admitted",status="2xx"';
  expect(await value(ADMITTED)).toBe(7);
  expect(await value(`http_server_request_duration_seconds_count{${labels}}`)).toBe(7);
  expect(await value(`http_server_request_duration_seconds_bucket{le="0.025",${labels}}`)).toBe(7);
  expect(await value(`http_server_request_duration_seconds_bucket{le="0.01",${labels}}`)).toBe(0);
});

test('gauges follow the rule of their metric: the worst of all, or the sum', async () => {
  const { one, other, value } = scene();
  one.metrics.gauge('revocation_lag', () => 0.5);
  other.metrics.gauge('revocation_lag', () => 3);
  one.metrics.gauge('cached_credentials', () => 10);
  other.metrics.gauge('cached_credentials', () => 7);
  one.metrics.targetHealth('api', 'http://api', true);
  other.metrics.targetHealth('api', 'http://api', false);
  one.metrics.reload('ok', 'r2');
  other.metrics.reload('failed', 'r1');
  expect(await value('gatehouse_revocation_lag_seconds')).toBe(3);
  expect(await value('gatehouse_cached_credentials')).toBe(17);
  expect(await value('gatehouse_upstream_target_up{upstream="api",target="http://api"}')).toBe(0);
  expect(await value('gatehouse_config_last_reload_successful')).toBe(0);
});

test('a counter never falls: a process that does not answer, and one that is gone, stay counted', async () => {
  const { one, other, leave, value } = scene();
  admit(one, 3);
  admit(other, 4);
  other.metrics.gauge('cached_credentials', () => 7);
  expect(await value(ADMITTED)).toBe(7);
  other.silent = true;
  admit(one, 1);
  expect(await value(ADMITTED)).toBe(8);
  expect(await value('gatehouse_cached_credentials')).toBeUndefined();
  expect(await value('gatehouse_worker_metrics_missing_total')).toBe(3);
  leave(other);
  expect(await value(ADMITTED)).toBe(8);
  leave(one);
  expect(await value(ADMITTED)).toBe(8);
});

test('a process that leaves while it is asked is counted once', async () => {
  const { one, other, merged, leave, value } = scene();
  admit(one, 3);
  admit(other, 4);
  expect(await value(ADMITTED)).toBe(7);
  const exposed = merged.expose();
  leave(other);
  expect((await exposed).body).toContain(`${ADMITTED} 7\n`);
});
