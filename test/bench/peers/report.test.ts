import { expect, test } from 'vitest';
import type { Window } from '../../../bench/load/orders.ts';
import { peerFigures } from '../../../bench/peers/figures.ts';
import type { PeerReport } from '../../../bench/peers/report.ts';
import { textIn } from '../../../bench/peers/run.ts';
import type { PeerSamples } from '../../../bench/peers/samples.ts';
import { peerGroups } from '../../../bench/peers/table.ts';

const WINDOWS: readonly Window[] = Array.from({ length: 20 }, (_, index) => ({
  startMs: index * 50,
  endMs: (index + 1) * 50,
  responses: 1000,
  cpuMicroseconds: 40_000,
}));

function reportOf(failure?: string): PeerReport {
  const measured = { all: WINDOWS, quiet: WINDOWS };
  const nothing = { all: [], quiet: [] };
  return {
    machine: { node: 'v26.10.0', platform: 'linux x64', cpu: '2 x CPU', cores: { proxy: 1, load: 0 } },
    plan: {
      connections: 64,
      warmUpSeconds: 1,
      getSeconds: 8,
      halfLoadSeconds: 4,
      otherSeconds: 2,
      windowMs: 50,
      sliceMs: 1000,
      startUps: 3,
      idleConnections: 10_000,
    },
    versions: { nginx: '1.22.1', envoy: null },
    groups: peerGroups((name) => name).map(({ name, about, paths }) => ({
      group: name,
      about,
      leftOut: [{ name: 'envoy-jwt', reason: 'envoy cannot be had' }],
      paths: peerFigures(
        paths.map(
          (path): PeerSamples => ({
            path,
            measured: { get: measured, post: measured, download: measured, webSocket: nothing },
            halfLoad: { ratePerSecond: 5000, latencies: [[100, 200]] },
            startUpsMs: [100],
            residentBytes: 1_000_000,
            processes: 1,
            idle: { connections: 10_000, beforeBytes: 1_000_000, bytes: 11_000_000 },
            faults: { webSocket: 'answered a WebSocket handshake with 404' },
            ...(failure !== undefined && { failure }),
          }),
        ),
      ),
    })),
  };
}

test('the section for the documentation has whole tables: each row as many cells as its heading', () => {
  const tables = textIn('markdown', reportOf())
    .split('\n\n')
    .filter((block) => block.startsWith('|'));
  // Two of each group, and what each path does.
  expect(tables).toHaveLength(7);
  for (const table of tables) {
    const widths = table.split('\n').map((line) => line.split('|').length);
    expect(new Set(widths).size).toBe(1);
    expect(table).not.toMatch(/undefined|NaN/);
  }
});

test.each(['table', 'markdown'] as const)('%s says what was left out, did not work, or failed', (output) => {
  const text = textIn(output, reportOf('exited with 1'));
  expect(text).toContain('Left out: envoy-jwt (envoy cannot be had).');
  expect(text).toContain('FAILED: bare: exited with 1');
  expect(text).toContain('Not measured: nginx, webSocket: answered a WebSocket handshake with 404');
  expect(text).toContain('nginx 1.22.1, envoy missing');
});

test('every path that looks at a credential says what it does with it', () => {
  const text = textIn('markdown', reportOf());
  for (const { paths } of peerGroups((name) => name)) {
    for (const { target, work } of paths) {
      const row = text.split('\n').findLast((line) => line.startsWith(`| ${target.name} |`));
      if (work === undefined) expect(row).toContain('| none |');
      else expect(row).toContain(work.checked);
    }
  }
});

test('JSON has all figures', () => {
  expect(JSON.parse(textIn('json', reportOf()))).toEqual(JSON.parse(JSON.stringify(reportOf())));
});
