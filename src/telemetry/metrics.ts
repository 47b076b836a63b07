/** Connections that outlive the decision to admit them. */
export type LongLivedKind = 'websocket' | 'event_stream';

/** Why the gateway ended a client's connection beside the answers on it. */
export type CutCause = 'connections' | 'connections_per_peer' | 'handshake' | 'unread';

/**
 * What the gateway counts. Durations in seconds. Labels are bounded: names from the configuration, deny codes,
 * and closed sets; never anything that a client sends.
 */
export interface Metrics {
  /** One request, when its answer is finished or its connection is gone. `code` is `admitted` or a deny code. */
  requestFinished(route: string, code: string, status: number, durationSeconds: number): void;
  requestStarted(): void;
  /** Time from dispatch to the head of the answer. */
  upstreamAnswered(upstream: string, status: number, durationSeconds: number): void;
  upstreamFailed(upstream: string, code: string): void;
  targetHealth(upstream: string, target: string, isHealthy: boolean): void;
  cacheLookup(
    cache: 'apiKey' | 'bearer' | 'session' | 'assertion',
    outcome: 'hit' | 'miss' | 'negative',
  ): void;
  storeError(store: string, operation: string): void;
  keyFetch(issuer: string, outcome: 'ok' | 'failed'): void;
  introspection(issuer: string, outcome: 'active' | 'inactive' | 'failed'): void;
  reload(outcome: 'ok' | 'failed', revision: string): void;
  auditDropped(count: number): void;
  /** `limit`: name of the rate limit that was used up. `route`: of a route, or endpoint of the gateway's own. */
  rateLimited(limit: string, route: string): void;
  /** An observed route would have refused a request with this code. */
  observed(route: string, code: string): void;
  longLivedOpened(kind: LongLivedKind): void;
  /** `reason`: which side ended it, or why the gateway did. */
  longLivedClosed(
    kind: LongLivedKind,
    reason: 'client' | 'upstream' | 'revoked' | 'expired' | 'tenant' | 'shutdown',
  ): void;
  connectionCut(cause: CutCause): void;
  /** A worker process ended by itself. */
  workerEnded(): void;
  /** A worker process did not tell its metrics in time. */
  workerSilent(): void;
  /** Registers a gauge that is read when metrics are scraped. */
  gauge(
    name:
      | 'revocations'
      | 'revocation_lag'
      | 'cached_credentials'
      | 'audit_queue'
      | 'rate_limit_buckets'
      | 'rate_limits_alone'
      | 'workers'
      | 'admitted_share',
    read: () => number,
  ): void;
  /** Prometheus text exposition and its content type. */
  expose(): Promise<Exposition>;
  /** All values as plain data, to be merged with those of other processes. */
  snapshot(): Promise<MetricsSnapshot>;
}

export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

export type MetricsSnapshot = readonly MetricSnapshot[];

export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  /** counter, gauge, histogram or summary */
  readonly type: string;
  /** How the values of several processes become one. */
  readonly aggregator: 'sum' | 'min' | 'max' | 'first' | 'average' | 'omit';
  readonly values: readonly {
    readonly value: number;
    readonly labels: Readonly<Partial<Record<string, string | number>>>;
    /** Of a histogram: with its ending, such as `_bucket`. */
    readonly metricName?: string;
  }[];
}
