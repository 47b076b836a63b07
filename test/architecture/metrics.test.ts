import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { METRICS } from '../../src/telemetry/metric-catalogue.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';

const GAUGES = [
  'revocations',
  'revocation_lag',
  'cached_credentials',
  'audit_queue',
  'workers',
  'admitted_share',
  'rate_limit_buckets',
  'rate_limits_alone',
] as const;

/** The rows that docs/metrics.md must have, from what is really exposed. */
async function exposedRows(): Promise<readonly string[]> {
  const metrics = createMetrics();
  for (const name of GAUGES) metrics.gauge(name, () => 0);
  const { body } = await metrics.expose();
  return Object.values(METRICS).map(({ name, help, labelNames, aggregator }) => {
    const type = new RegExp(`^# TYPE ${name} (\\w+)$`, 'm').exec(body)?.[1] ?? 'not exposed';
    const labels = labelNames.map((label) => `\`${label}\``).join(', ');
    return `| \`${name}\` | ${type} | ${labels} | ${aggregator} | ${help} |`;
  });
}

test('docs/metrics.md has every metric of ours with its type, labels and meaning, and no other', async () => {
  const documented = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => /^\| `[a-z_]+` \|/.test(line));
  expect(documented).toEqual(await exposedRows());
});
