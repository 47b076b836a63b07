import type { Clock } from '../base/clock.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { HealthRules } from './health.ts';

/** What all exchanges of an upstream share. */
export interface ExchangeRules {
  readonly upstream: string;
  readonly health: HealthRules;
  /** Put before every path, or ''. */
  readonly basePath: string;
  readonly rewritesLocation: boolean;
  readonly metrics: Metrics;
  readonly clock: Clock;
}
