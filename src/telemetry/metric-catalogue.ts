/**
 * Every metric of the gateway's own, by the name it is used under in code: the one source of what is exposed and of
 * docs/metrics.md. Names follow OpenTelemetry where it has one; seconds and `_total` as Prometheus asks.
 */
export const METRICS = {
  requestDuration: {
    name: 'http_server_request_duration_seconds',
    help: 'Requests by route, decision code (admitted or a deny code) and status class, from the first byte of the head to the end of the answer',
    labelNames: ['route', 'code', 'status'],
    aggregator: 'sum',
  },
  activeRequests: {
    name: 'http_server_active_requests',
    help: 'Requests that were begun and not finished',
    labelNames: [],
    aggregator: 'sum',
  },
  decisions: {
    name: 'gatehouse_decisions_total',
    help: 'Decisions by code: admitted or a deny code',
    labelNames: ['code'],
    aggregator: 'sum',
  },
  upstreamDuration: {
    name: 'http_client_request_duration_seconds',
    help: 'Time from dispatch to the head of the answer, by upstream and status class',
    labelNames: ['upstream', 'status'],
    aggregator: 'sum',
  },
  upstreamFailures: {
    name: 'gatehouse_upstream_failures_total',
    help: 'Requests that an upstream failed to answer, by code',
    labelNames: ['upstream', 'code'],
    aggregator: 'sum',
  },
  targetUp: {
    name: 'gatehouse_upstream_target_up',
    help: '1 if the target is taken as healthy, else 0',
    labelNames: ['upstream', 'target'],
    aggregator: 'min',
  },
  cacheLookups: {
    name: 'gatehouse_cache_lookups_total',
    help: 'Look-ups by cache (apiKey, bearer, session, assertion) and outcome (hit, miss, or negative: known to be unknown)',
    labelNames: ['cache', 'outcome'],
    aggregator: 'sum',
  },
  storeErrors: {
    name: 'gatehouse_store_errors_total',
    help: 'Operations of the store that failed',
    labelNames: ['store', 'operation'],
    aggregator: 'sum',
  },
  keyFetches: {
    name: 'gatehouse_issuer_key_fetches_total',
    help: 'Fetches of the keys of an issuer, by outcome (ok, failed)',
    labelNames: ['issuer', 'outcome'],
    aggregator: 'sum',
  },
  introspections: {
    name: 'gatehouse_introspections_total',
    help: 'Token introspections, by outcome (active, inactive, failed)',
    labelNames: ['issuer', 'outcome'],
    aggregator: 'sum',
  },
  reloads: {
    name: 'gatehouse_config_reloads_total',
    help: 'Loads of the configuration, by outcome (ok, failed)',
    labelNames: ['outcome'],
    aggregator: 'max',
  },
  reloadSucceeded: {
    name: 'gatehouse_config_last_reload_successful',
    help: '1 if the last load succeeded; 0 means that an older configuration is serving',
    labelNames: [],
    aggregator: 'min',
  },
  reloadedAt: {
    name: 'gatehouse_config_last_reload_success_timestamp_seconds',
    help: 'When the serving configuration was loaded, in seconds since the epoch',
    labelNames: [],
    aggregator: 'min',
  },
  configuration: {
    name: 'gatehouse_config_info',
    help: 'Always 1; the label names the revision of the serving configuration',
    labelNames: ['revision'],
    aggregator: 'max',
  },
  observed: {
    name: 'gatehouse_observed_refusals_total',
    help: 'Requests that observed routes would have refused, by route and deny code',
    labelNames: ['route', 'code'],
    aggregator: 'sum',
  },
  rateLimited: {
    name: 'gatehouse_rate_limited_total',
    help: 'Requests over a rate limit, by limit (peer, tenant, principal, route-peer, route-tenant, route-principal, route) and route or endpoint; those on observed routes too',
    labelNames: ['limit', 'route'],
    aggregator: 'sum',
  },
  rate_limit_buckets: {
    name: 'gatehouse_rate_limit_buckets',
    help: 'Buckets of rate limits and of wrong credentials that are remembered; the least recently used is forgotten beyond 100,000',
    labelNames: [],
    aggregator: 'sum',
  },
  rate_limits_alone: {
    name: 'gatehouse_rate_limits_alone',
    help: '1 while the store does not take what rate limits and wrong credentials count, so that each process limits on its own',
    labelNames: [],
    aggregator: 'max',
  },
  auditDropped: {
    name: 'gatehouse_audit_dropped_total',
    help: 'Audit records of requests that were dropped, since the store could not take them for too long',
    labelNames: [],
    aggregator: 'sum',
  },
  longLived: {
    name: 'gatehouse_long_lived_connections',
    help: 'Open connections by kind (websocket, event_stream)',
    labelNames: ['kind'],
    aggregator: 'sum',
  },
  longLivedClosed: {
    name: 'gatehouse_long_lived_connections_closed_total',
    help: 'Ended connections by kind and reason: client or upstream ended it, or the gateway did, since the credential was revoked or expired, the tenant is suspended or gone, or the gateway stopped (revoked, expired, tenant, shutdown)',
    labelNames: ['kind', 'reason'],
    aggregator: 'sum',
  },
  connectionsCut: {
    name: 'gatehouse_connections_cut_total',
    help: 'Client connections that the gateway ended, by cause: over limits.connections, over limits.connectionsPerPeer, a handshake of TLS that took too long, or an answer that the client left unread (by HTTP/2: its stream) (connections, connections_per_peer, handshake, unread)',
    labelNames: ['cause'],
    aggregator: 'sum',
  },
  admitted_share: {
    name: 'gatehouse_admitted_share',
    help: 'Share of requests that may begin; below 1 while the process is overloaded',
    labelNames: [],
    aggregator: 'min',
  },
  audit_queue: {
    name: 'gatehouse_audit_queue_records',
    help: 'Audit records that wait to be written',
    labelNames: [],
    aggregator: 'sum',
  },
  revocations: {
    name: 'gatehouse_revocations',
    help: 'Entries of the revocation list in memory',
    labelNames: [],
    aggregator: 'max',
  },
  revocation_lag: {
    name: 'gatehouse_revocation_lag_seconds',
    help: 'Time since the gateway surely knew every revocation of the store; above store.maxLag it answers 503 to all that a revocation could forbid.',
    labelNames: [],
    aggregator: 'max',
  },
  cached_credentials: {
    name: 'gatehouse_cached_credentials',
    help: 'Verified credentials that are cached',
    labelNames: [],
    aggregator: 'sum',
  },
  workers: {
    name: 'gatehouse_workers',
    help: 'Worker processes that serve; absent where one process does all',
    labelNames: [],
    aggregator: 'sum',
  },
  workersEnded: {
    name: 'gatehouse_worker_restarts_total',
    help: 'Worker processes that ended by themselves and were replaced',
    labelNames: [],
    aggregator: 'sum',
  },
  workersSilent: {
    name: 'gatehouse_worker_metrics_missing_total',
    help: 'Times that a worker did not tell its metrics within a second: its counters stand as it last told them, its gauges are left out',
    labelNames: [],
    aggregator: 'sum',
  },
} as const satisfies Readonly<Record<string, MetricDescription>>;

interface MetricDescription {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** What several processes on one host come to together. */
  readonly aggregator: 'sum' | 'min' | 'max';
}
