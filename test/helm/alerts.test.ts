import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { METRICS } from '../../src/telemetry/metric-catalogue.ts';
import { createMetrics } from '../../src/telemetry/prometheus.ts';
import { prepareDeploymentTools } from '../support/deployment-tools.ts';
import { CHART, missingTools, render, runTool, withFile } from '../support/helm-chart.ts';
import { only, specOf } from '../support/kubernetes-objects.ts';
import { FIRING, SILENT, testFile } from './alert-cases.ts';

const tools = await prepareDeploymentTools();
const noHelm = missingTools(tools, ['helm']);
const noPromtool = missingTools(tools, ['helm', 'promtool']);
const root = path.resolve(import.meta.dirname, '../..');

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: Readonly<Record<string, string>>;
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly Alert[] }[];
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

const source = parse(readFileSync(path.join(CHART, 'files/alerts.yaml'), 'utf8')) as Rules;
const alerts = source.groups.flatMap(({ rules }) => rules);
const dashboard = readFileSync(path.join(CHART, 'files/dashboard.json'), 'utf8');
const expressions = (JSON.parse(dashboard) as { readonly panels: readonly Panel[] }).panels.flatMap(
  ({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })),
);

/** Names of every series that a gateway exposes, and `up`, which Prometheus itself makes. */
async function exposedSeries(): Promise<ReadonlySet<string>> {
  const { body } = await createMetrics().expose();
  const process = [...body.matchAll(/^# TYPE ((?:process|nodejs)_\w+) /gm)].map(([, name = '']) => name);
  const ours = Object.values(METRICS).flatMap(({ name }) =>
    name.endsWith('_seconds') ? [name, `${name}_count`, `${name}_bucket`, `${name}_sum`] : [name],
  );
  return new Set(['up', ...process, ...ours]);
}

function seriesIn(expression: string): readonly string[] {
  return [...expression.matchAll(/([a-z_][a-z0-9_]*)\{/g)].map(([, name = '']) => name);
}

test('alerts and dashboard ask for nothing that is not exposed', async () => {
  const exposed = await exposedSeries();
  const asked = [...alerts, ...expressions].map(({ expr }) => ({ expr, series: seriesIn(expr) }));
  expect(asked.filter(({ series }) => series.length === 0)).toEqual([]);
  expect(asked.flatMap(({ series }) => series.filter((name) => !exposed.has(name)))).toEqual([]);
});

test('every label by which alerts and dashboard sort is one of the metric', () => {
  const labels = new Set<string>(Object.values(METRICS).flatMap(({ labelNames }) => labelNames));
  const sortedBy = [...alerts, ...expressions].flatMap(({ expr }) =>
    [...expr.matchAll(/by \(([\w, ]+)\)/g)].flatMap(([, names = '']) => names.split(', ')),
  );
  expect(sortedBy.filter((name) => !labels.has(name) && !['pod', 'le'].includes(name))).toEqual([]);
});

describe('an alert', () => {
  const runbooks = [
    ...readFileSync(path.join(root, 'docs/operations.md'), 'utf8').matchAll(/^### (Gatehouse\w+)$/gm),
  ];

  test.each(alerts)('$alert says how bad it is, what happens, and where the runbook is', (alert) => {
    expect(['critical', 'warning']).toContain(alert.labels.severity);
    expect(Object.keys(alert.annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
    expect(alert.annotations['runbook_url']).toBe(`RUNBOOK#${alert.alert.toLowerCase()}`);
  });

  test('has a runbook, and a runbook an alert', () => {
    expect(runbooks.map(([, name = '']) => name).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  test('has a case in which it fires', () => {
    expect(FIRING.map(({ alert }) => alert).sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });
});

describe.skipIf(noHelm !== '')(`rendered for the operator of Prometheus ${noHelm}`, () => {
  const objects = noHelm === '' ? render(tools.helm, 'monitoring') : [];

  test('rules ask for this release, with the thresholds of the values', () => {
    const rules = JSON.stringify(specOf(objects, 'PrometheusRule'));
    expect(rules).toContain(
      'gatehouse_revocation_lag_seconds{namespace=\\"edge\\",job=\\"gw-gatehouse\\"}) > 2.5',
    );
    expect(rules).toContain('https://git.example.com/gatehouse/docs/operations.md#gatehousedown');
    expect(rules).not.toMatch(/SELECTOR|RUNBOOK|LAG_SECONDS|ERROR_RATIO/);
  });

  test.each([
    ['monitoring', 'ServiceMonitor', 'endpoints'],
    ['pod-monitor', 'PodMonitor', 'podMetricsEndpoints'],
  ])('%s: a %s gives the job the name that rules and dashboard ask for', (feature, kind, endpoints) => {
    const monitor = only(render(tools.helm, feature), kind);
    expect(monitor.metadata.labels).toMatchObject({ release: 'prometheus' });
    expect(monitor.spec[endpoints]).toEqual([
      expect.objectContaining({
        port: 'ops',
        path: '/metrics',
        relabelings: [{ targetLabel: 'job', replacement: 'gw-gatehouse' }],
      }),
    ]);
  });

  test('what a ServiceMonitor selects is the Service of the ops listener alone', () => {
    const { selector } = specOf(objects, 'ServiceMonitor') as {
      readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    };
    const selected = objects.filter(
      ({ kind, metadata }) =>
        kind === 'Service' &&
        Object.entries(selector.matchLabels).every(([name, value]) => metadata.labels?.[name] === value),
    );
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(['gw-gatehouse-ops']);
  });

  test('the dashboard is where the sidecar of Grafana looks for it, byte for byte', () => {
    const { metadata, data } = only(objects, 'ConfigMap', 'gw-gatehouse-dashboard');
    expect(metadata.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(metadata.annotations).toEqual({ grafana_folder: 'Gateways' });
    expect(JSON.parse(data['gatehouse.json'] ?? '')).toEqual(JSON.parse(dashboard));
  });
});

describe.skipIf(noPromtool !== '')(`by promtool ${noPromtool}`, () => {
  const rules =
    noPromtool === '' ? stringify(specOf(render(tools.helm, 'monitoring'), 'PrometheusRule')) : '';

  test('rules are valid', () => {
    const { status, stdout, stderr } = withFile(rules, (file) =>
      runTool(tools.promtool, ['check', 'rules', file]),
    );
    expect({ status, stdout, stderr }).toMatchObject({
      status: 0,
      stdout: expect.stringContaining(`${alerts.length} rules found`),
    });
  });

  test.each([...FIRING, ...SILENT])('$title', ({ cases }) => {
    const ended = withFile(rules, (file) =>
      withFile(testFile(file, cases), (test) => runTool(tools.promtool, ['test', 'rules', test])),
    );
    expect(ended).toMatchObject({ status: 0 });
  });

  test('the dashboard asks in valid words', () => {
    const records = expressions.map(({ expr }, index) => ({
      record: `panel_${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }));
    const file = stringify({ groups: [{ name: 'dashboard', rules: records }] });
    const { status, stdout } = withFile(file, (name) => runTool(tools.promtool, ['check', 'rules', name]));
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringContaining(`${expressions.length} rules found`),
    });
  });
});
