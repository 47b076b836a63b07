import type { Metrics } from '../../src/telemetry/metrics.ts';

export interface RecordedMetrics extends Metrics {
  /** Each count as one text: its name and labels. */
  readonly counts: readonly string[];
  count(text: string): number;
}

/** Metrics that a test can read back. */
export function createRecordedMetrics(): RecordedMetrics {
  const counts: string[] = [];
  const note =
    (name: string) =>
    (...labels: readonly (string | number)[]): void => {
      counts.push([name, ...labels].join(' '));
    };
  return {
    counts,
    count: (text) => counts.filter((count) => count === text).length,
    requestFinished: note('requestFinished'),
    requestStarted: note('requestStarted'),
    upstreamAnswered: note('upstreamAnswered'),
    upstreamFailed: note('upstreamFailed'),
    targetHealth: (upstream, target, isHealthy) => note('targetHealth')(upstream, target, String(isHealthy)),
    cacheLookup: note('cacheLookup'),
    storeError: note('storeError'),
    keyFetch: note('keyFetch'),
    introspection: note('introspection'),
    reload: note('reload'),
    auditDropped: note('auditDropped'),
    observed: note('observed'),
    rateLimited: note('rateLimited'),
    longLivedOpened: note('longLivedOpened'),
    longLivedClosed: note('longLivedClosed'),
    connectionCut: note('connectionCut'),
    workerEnded: note('workerEnded'),
    workerSilent: note('workerSilent'),
    gauge: (name) => note('gauge')(name),
    snapshot: () => Promise.resolve([]),
    expose: () => Promise.resolve({ contentType: 'text/plain', body: '' }),
  };
}
