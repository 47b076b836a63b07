import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { blocksOf } from '../architecture/markdown.ts';
import { CHART } from '../support/helm-chart.ts';

const PAGE = 'docs/kubernetes.md';
const page = readFileSync(path.join(CHART, '../..', PAGE), 'utf8');
const files = globSync(['ci/*.yaml', 'examples/*.yaml'], { cwd: CHART }).map((file) =>
  readFileSync(path.join(CHART, file), 'utf8'),
);

test('examples on the page are taken from files that the chart is tested with', () => {
  const examples = blocksOf(PAGE).filter(({ language }) => language === 'yml');
  expect(examples.length).toBeGreaterThan(7);
  expect(examples.filter(({ text }) => !files.some((file) => file.includes(text)))).toEqual([]);
});

test('the page lists every alert with its severity', () => {
  const { groups } = parse(readFileSync(path.join(CHART, 'files/alerts.yaml'), 'utf8')) as {
    readonly groups: readonly {
      readonly rules: readonly { readonly alert: string; readonly labels: { readonly severity: string } }[];
    }[];
  };
  const rows = [...page.matchAll(/^\| \[(Gatehouse\w+)\]\(operations\.md#(\w+)\) \| (\w+) \|/gm)];
  expect(rows.map(([, alert, anchor, severity]) => ({ alert, anchor, severity }))).toEqual(
    groups
      .flatMap(({ rules }) => rules)
      .map(({ alert, labels }) => ({ alert, anchor: alert.toLowerCase(), severity: labels.severity })),
  );
});
