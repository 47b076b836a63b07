/**
 * Every metric of the gateway's own, by the name it is used under in code: the one source of what is exposed and of
 * docs/metrics.md. Names follow OpenTelemetry where it has one; seconds and `_total` as Prometheus asks.
 */
export const METRICS = {
  requestDuration: {
    name: 'http_server_request_duration_seconds',
    help: 'Requests by route, decision code (admitted or a deny code) and status class, from the first byte of the head to the end of the answer',
    labelNames: ['route', 'code', 'status'],
  },
  activeRequests: {
    name: 'http_server_active_requests',
    help: 'Requests that were begun and not finished',
    labelNames: [],
  },
  decisions: {
    name: 'gatehouse_decisions_total',
    help: 'Decisions by code: admitted or a deny code',
    labelNames: ['code'],
  },
  upstreamDuration: {
    name: 'http_client_request_duration_seconds',
    help: 'Time from dispatch to the head of the answer, by upstream and status class',
    labelNames: ['upstream', 'status'],
  },
  upstreamFailures: {
    name: 'gatehouse_upstream_failures_total',
    help: 'Requests that an upstream failed to answer, by code',
    labelNames: ['upstream', 'code'],
  },
  targetUp: {
    name: 'gatehouse_upstream_target_up',
    help: '1 if the target is taken as healthy, else 0',
    labelNames: ['upstream', 'target'],
  },
  cacheLookups: {
    name: 'gatehouse_cache_lookups_total',
    help: 'Look-ups by cache (apiKey, bearer, session, assertion) and outcome (hit, miss, or negative: known to be unknown)',
    labelNames: ['cache', 'outcome'],
  },
  storeErrors: {
    name: 'gatehouse_store_errors_total',
    help: 'Operations of the store that failed',
    labelNames: ['store', 'operation'],
  },
  keyFetches: {
    name: 'gatehouse_issuer_key_fetches_total',
    help: 'Fetches of the keys of an issuer, by outcome (ok, failed)',
    labelNames: ['issuer', 'outcome'],
  },
  introspections: {
    name: 'gatehouse_introspections_total',
    help: 'Token introspections, by outcome (active, inactive, failed)',
    labelNames: ['issuer', 'outcome'],
  },
  reloads: {
    name: 'gatehouse_config_reloads_total',
    help: 'Loads of the configuration, by outcome (ok, failed)',
    labelNames: ['outcome'],
  },
  reloadSucceeded: {
    name: 'gatehouse_config_last_reload_successful',
    help: '1 if the last load succeeded; 0 means that an older configuration is serving',
    labelNames: [],
  },
  reloadedAt: {
    name: 'gatehouse_config_last_reload_success_timestamp_seconds',
    help: 'When the serving configuration was loaded, in seconds since the epoch',
    labelNames: [],
  },
  configuration: {
    name: 'gatehouse_config_info',
    help: 'Always 1; the label names the revision of the serving configuration',
    labelNames: ['revision'],
  },
  observed: {
    name: 'gatehouse_observed_refusals_total',
    help: 'Requests that observed routes would have refused, by route and deny code',
    labelNames: ['route', 'code'],
  },
  auditDropped: {
    name: 'gatehouse_audit_dropped_total',
    help: 'Audit records of requests that were dropped, since the store could not take them for too long',
    labelNames: [],
  },
  longLived: {
    name: 'gatehouse_long_lived_connections',
    help: 'Open connections by kind (websocket, event_stream)',
    labelNames: ['kind'],
  },
  longLivedClosed: {
    name: 'gatehouse_long_lived_connections_closed_total',
    help: 'Ended connections by kind and reason: client or upstream ended it, or the gateway did, since the credential was revoked or expired, the tenant is suspended or gone, or the gateway stopped (revoked, expired, tenant, shutdown)',
    labelNames: ['kind', 'reason'],
  },
  audit_queue: {
    name: 'gatehouse_audit_queue_records',
    help: 'Audit records that wait to be written',
    labelNames: [],
  },
  revocations: {
    name: 'gatehouse_revocations',
    help: 'Entries of the revocation list in memory',
    labelNames: [],
  },
  revocation_lag: {
    name: 'gatehouse_revocation_lag_seconds',
    help: 'Time since the gateway surely knew every revocation of the store; above store.maxLag it answers 503 to all that a revocation could forbid.',
    labelNames: [],
  },
  cached_credentials: {
    name: 'gatehouse_cached_credentials',
    help: 'Verified credentials that are cached',
    labelNames: [],
  },
} as const satisfies Readonly<
  Record<string, { readonly name: string; readonly help: string; readonly labelNames: readonly string[] }>
>;
