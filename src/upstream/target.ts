import type { TargetHealth } from './health.ts';
import type { Target } from './upstream.ts';
import type { Pool } from './wire/pool.ts';

/** A target with its connections and what is known of it. Lives across configuration reloads. */
export interface PooledTarget extends Target {
  readonly pool: Pool;
  /** For handshakes of WebSockets, whose connections are read in another way. */
  readonly handshakes: Pool;
  readonly health: TargetHealth;
  /** Most connections of each pool; more requests than that wait. */
  readonly connections: number;
  readonly connectMilliseconds: number;
  /** Requests that were given to a pool and are not finished. */
  inFlight: number;
}
