import type { Pool } from 'undici';
import type { TargetHealth } from './health.ts';
import type { Target } from './upstream.ts';

/** A target with its connections and what is known of it. Lives across configuration reloads. */
export interface PooledTarget extends Target {
  readonly pool: Pool;
  readonly health: TargetHealth;
  /** Constant per target, so that undici never closes a connection because another Host is asked for. */
  readonly serverName: string;
  /** Most connections; more requests than that wait in the pool. */
  readonly connections: number;
  readonly connectMilliseconds: number;
  /** Requests that were given to the pool and are not finished. */
  inFlight: number;
  /**
   * Set while a new connection is handed its first request, so that a request can tell whether its connection was
   * used before.
   */
  isConnectionNew: boolean;
}
