import { expect, test } from 'vitest';
import { parseMetrics } from '../../../bench/soak/places/gateway.ts';

test('metrics are read with the labels and digits that their names have', () => {
  const text = `# HELP nodejs_eventloop_lag_p99_seconds The 99th percentile.
# TYPE nodejs_eventloop_lag_p99_seconds gauge
nodejs_eventloop_lag_p99_seconds 0.0105
gatehouse_decisions_total{code="internal_error"} 3
`;
  expect([...parseMetrics(text)]).toEqual([
    ['nodejs_eventloop_lag_p99_seconds', 0.0105],
    ['gatehouse_decisions_total{code="internal_error"}', 3],
  ]);
});
