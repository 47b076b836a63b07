/** Series under which each alert has to fire, and under which none may, as promtool takes them. */
import { stringify } from 'yaml';

interface Series {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** As promtool writes samples, one a minute: `0+1x10` begins at 0 and grows by 1 ten times. */
  readonly values: string;
}

export interface AlertCase {
  readonly title: string;
  readonly cases: {
    readonly series: readonly Series[];
    readonly expectations: readonly {
      readonly at: string;
      readonly alert: string;
      readonly fires: boolean;
    }[];
  };
}

const OK: Series = { name: 'up', labels: { pod: 'a' }, values: '1x700' };

function firing(
  alert: string,
  at: string,
  series: readonly Series[],
  silentAt = '0m',
): AlertCase & { readonly alert: string } {
  return {
    alert,
    title: `${alert} fires at ${at}, and not at ${silentAt}`,
    cases: {
      series: alert === 'GatehouseDown' ? series : [OK, ...series],
      expectations: [
        { at: silentAt, alert, fires: false },
        { at, alert, fires: true },
      ],
    },
  };
}

const requests = (status: string, values: string): Series => ({
  name: 'http_server_request_duration_seconds_count',
  labels: { pod: 'a', route: 'orders', code: 'admitted', status },
  values,
});
const decisions = (values: string): Series => ({
  name: 'gatehouse_decisions_total',
  labels: { pod: 'a', code: 'credential_invalid' },
  values,
});

// biome-ignore format: one row for each
export const FIRING = [
  firing('GatehouseDown', '12m', [{ name: 'up', labels: { pod: 'a' }, values: '1x10 0x10' }], '9m'),
  firing('GatehouseReplicaDown', '20m', [{ name: 'up', labels: { pod: 'b' }, values: '0x60' }], '9m'),
  firing('GatehouseStoreFailing', '10m', [{ name: 'gatehouse_store_errors_total', labels: { pod: 'a', store: 'redis', operation: 'find' }, values: '0 0 0 0 0 0 1+5x20' }], '5m'),
  firing('GatehouseRevocationLag', '6m', [{ name: 'gatehouse_revocation_lag_seconds', labels: { pod: 'a' }, values: '0.6x4 3x10' }], '4m'),
  firing('GatehouseAuditDropped', '6m', [{ name: 'gatehouse_audit_dropped_total', labels: { pod: 'a' }, values: '0x4 10x10' }], '4m'),
  firing('GatehouseReloadFailed', '10m', [{ name: 'gatehouse_config_last_reload_successful', labels: { pod: 'a' }, values: '1 1 0x20' }], '5m'),
  firing('GatehouseConfigurationsDiffer', '20m', [{ name: 'gatehouse_config_info', labels: { pod: 'a', revision: 'x' }, values: '1x30' }, { name: 'gatehouse_config_info', labels: { pod: 'b', revision: 'y' }, values: '1x30' }], '10m'),
  firing('GatehouseUpstreamDown', '5m', [{ name: 'gatehouse_upstream_target_up', labels: { pod: 'a', upstream: 'orders', target: 'http://a' }, values: '1 0x30' }, { name: 'gatehouse_upstream_target_up', labels: { pod: 'a', upstream: 'orders', target: 'http://b' }, values: '0x30' }]),
  firing('GatehouseUpstreamTargetDown', '20m', [{ name: 'gatehouse_upstream_target_up', labels: { pod: 'a', upstream: 'orders', target: 'http://a' }, values: '0x30' }, { name: 'gatehouse_upstream_target_up', labels: { pod: 'a', upstream: 'orders', target: 'http://b' }, values: '1x30' }], '10m'),
  firing('GatehouseUpstreamFailing', '15m', [{ name: 'gatehouse_upstream_failures_total', labels: { pod: 'a', upstream: 'orders', code: 'upstream_timeout' }, values: '0+10x30' }], '4m'),
  firing('GatehouseServerErrors', '15m', [requests('2xx', '0+90x30'), requests('5xx', '0+10x30')], '4m'),
  firing('GatehouseIssuerKeysFailing', '40m', [{ name: 'gatehouse_issuer_key_fetches_total', labels: { pod: 'a', issuer: 'login', outcome: 'failed' }, values: '0+1x60' }], '10m'),
  firing('GatehouseIntrospectionFailing', '15m', [{ name: 'gatehouse_introspections_total', labels: { pod: 'a', issuer: 'partner', outcome: 'failed' }, values: '0+1x30' }], '4m'),
  firing('GatehouseCredentialsGuessed', '640m', [decisions('0+6x600 3600+600x60')], '600m'),
  firing('GatehouseShedding', '10m', [{ name: 'gatehouse_admitted_share', labels: { pod: 'a' }, values: '0.6x20' }], '1m'),
  firing('GatehouseOverloaded', '15m', [{ name: 'nodejs_eventloop_lag_p99_seconds', labels: { pod: 'a' }, values: '0.4x30' }], '5m'),
];

function silent(title: string, alert: string, series: readonly Series[]): AlertCase {
  return { title, cases: { series: [OK, ...series], expectations: [{ at: '60m', alert, fires: false }] } };
}

// biome-ignore format: one row for each
export const SILENT: readonly AlertCase[] = [
  silent('one percent of server errors wakes nobody', 'GatehouseServerErrors', [requests('2xx', '0+99x90'), requests('5xx', '0+1x90')]),
  silent('some failures of an upstream among many answers wake nobody', 'GatehouseUpstreamFailing', [{ name: 'gatehouse_upstream_failures_total', labels: { pod: 'a', upstream: 'orders', code: 'upstream_timeout' }, values: '0+1x90' }, { name: 'http_client_request_duration_seconds_count', labels: { pod: 'a', upstream: 'orders', status: '2xx' }, values: '0+99x90' }]),
  silent('an upstream that answers while it counts as down does not fail', 'GatehouseUpstreamFailing', [{ name: 'gatehouse_upstream_failures_total', labels: { pod: 'a', upstream: 'orders', code: 'no_healthy_target' }, values: '0+99x90' }, { name: 'http_client_request_duration_seconds_count', labels: { pod: 'a', upstream: 'orders', status: '2xx' }, values: '0+99x90' }]),
  silent('an upstream that one replica reaches is not down', 'GatehouseUpstreamDown', [{ name: 'gatehouse_upstream_target_up', labels: { pod: 'a', upstream: 'orders', target: 'http://a' }, values: '0x90' }, { name: 'gatehouse_upstream_target_up', labels: { pod: 'b', upstream: 'orders', target: 'http://a' }, values: '1x90' }]),
  silent('an issuer whose keys came the second time is well', 'GatehouseIssuerKeysFailing', [{ name: 'gatehouse_issuer_key_fetches_total', labels: { pod: 'a', issuer: 'login', outcome: 'failed' }, values: '0+1x90' }, { name: 'gatehouse_issuer_key_fetches_total', labels: { pod: 'a', issuer: 'login', outcome: 'ok' }, values: '0+1x90' }]),
  silent('the usual wrong credentials wake nobody', 'GatehouseCredentialsGuessed', [decisions('0+600x120')]),
  silent('the usual lag of Redis wakes nobody', 'GatehouseRevocationLag', [{ name: 'gatehouse_revocation_lag_seconds', labels: { pod: 'a' }, values: '0.6x90' }]),
];

/** A file for `promtool test rules`. Only whether an alert fires counts, not its words. */
export function testFile(rules: string, { series, expectations }: AlertCase['cases']): string {
  return stringify({
    rule_files: [rules],
    evaluation_interval: '1m',
    tests: [
      {
        interval: '1m',
        input_series: series.map(({ name, labels = {}, values }) => ({
          series: `${name}{${Object.entries({ namespace: 'edge', job: 'gw-gatehouse', ...labels })
            .map(([label, value]) => `${label}="${value}"`)
            .join(',')}}`,
          values,
        })),
        promql_expr_test: expectations.map(({ at, alert, fires }) => ({
          expr: `clamp_max(count(ALERTS{alertname="${alert}",alertstate="firing"}), 1) or vector(0)`,
          eval_time: at,
          exp_samples: [{ labels: '{}', value: fires ? 1 : 0 }],
        })),
      },
    ],
  });
}
