import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type Clock, systemClock } from '../base/clock.ts';
import { METRICS } from './metric-catalogue.ts';
import type { Metrics } from './metrics.ts';
import { snapshotOf } from './metrics-snapshot.ts';
import { TalliedHistogram } from './tallied-histogram.ts';

/** From a cached refusal to a slow legacy report; seconds. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Metrics in a registry of their own, so that two gateways in one process do not mix. */
export function createMetrics(clock: Clock = systemClock): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new TalliedHistogram({ ...METRICS.requestDuration, registers, buckets: REQUEST_BUCKETS });
  const answers = new TalliedHistogram({ ...METRICS.upstreamDuration, registers, buckets: REQUEST_BUCKETS });
  const upstreamFailures = new Counter({ ...METRICS.upstreamFailures, registers });
  const targetUp = new Gauge({ ...METRICS.targetUp, registers });
  const storeErrors = new Counter({ ...METRICS.storeErrors, registers });
  const keyFetches = new Counter({ ...METRICS.keyFetches, registers });
  const introspections = new Counter({ ...METRICS.introspections, registers });
  const reloads = new Counter({ ...METRICS.reloads, registers });
  const reloadSucceeded = new Gauge({ ...METRICS.reloadSucceeded, registers });
  const reloadedAt = new Gauge({ ...METRICS.reloadedAt, registers });
  const configuration = new Gauge({ ...METRICS.configuration, registers });
  const observed = new Counter({ ...METRICS.observed, registers });
  const rateLimited = new Counter({ ...METRICS.rateLimited, registers });
  const auditDropped = new Counter({ ...METRICS.auditDropped, registers });
  const longLived = new Gauge({ ...METRICS.longLived, registers });
  const longLivedClosed = new Counter({ ...METRICS.longLivedClosed, registers });
  const connectionsCut = new Counter({ ...METRICS.connectionsCut, registers });
  const workersEnded = new Counter({ ...METRICS.workersEnded, registers });
  const workersSilent = new Counter({ ...METRICS.workersSilent, registers });
  let active = 0;
  registerReader(registry, METRICS.activeRequests, () => active);

  const requestOf = cached((route, code, status) => requests.tally({ route, code, status }));
  const answerOf = cached((upstream, status) => answers.tally({ upstream, status }));
  const lookups: { readonly cache: string; readonly outcome: string; count: number }[] = [];
  const lookupOf = cached((cache, outcome) => {
    const lookup = { cache, outcome, count: 0 };
    lookups.push(lookup);
    return lookup;
  });

  // What is counted on every request is counted in plain numbers and told at the scrape.
  registry.registerMetric(
    new Counter({
      ...METRICS.decisions,
      registers: [],
      collect() {
        this.reset();
        for (const { labels, count } of requests.children()) this.inc({ code: labels['code'] ?? '' }, count);
      },
    }),
  );
  registry.registerMetric(
    new Counter({
      ...METRICS.cacheLookups,
      registers: [],
      collect() {
        this.reset();
        for (const { cache, outcome, count } of lookups) this.inc({ cache, outcome }, count);
      },
    }),
  );

  return {
    requestStarted() {
      active += 1;
    },
    requestFinished(route, code, status, durationSeconds) {
      active -= 1;
      requestOf(route, code, statusClass(status)).observe(durationSeconds);
    },
    upstreamAnswered: (upstream, status, durationSeconds) =>
      answerOf(upstream, statusClass(status), '').observe(durationSeconds),
    upstreamFailed: (upstream, code) => upstreamFailures.inc({ upstream, code }),
    targetHealth: (upstream, target, isHealthy) => targetUp.set({ upstream, target }, isHealthy ? 1 : 0),
    cacheLookup(cache, outcome) {
      lookupOf(cache, outcome, '').count += 1;
    },
    storeError: (store, operation) => storeErrors.inc({ store, operation }),
    keyFetch: (issuer, outcome) => keyFetches.inc({ issuer, outcome }),
    introspection: (issuer, outcome) => introspections.inc({ issuer, outcome }),
    reload(outcome, revision) {
      reloads.inc({ outcome });
      reloadSucceeded.set(outcome === 'ok' ? 1 : 0);
      if (outcome === 'failed') return;
      reloadedAt.set(clock() / 1000);
      configuration.reset();
      configuration.set({ revision }, 1);
    },
    observed: (route, code) => observed.inc({ route, code }),
    rateLimited: (limit, route) => rateLimited.inc({ limit, route }),
    auditDropped: (count) => auditDropped.inc(count),
    longLivedOpened: (kind) => longLived.inc({ kind }),
    longLivedClosed(kind, reason) {
      longLived.dec({ kind });
      longLivedClosed.inc({ kind, reason });
    },
    connectionCut: (cause) => connectionsCut.inc({ cause }),
    workerEnded: () => workersEnded.inc(),
    workerSilent: () => workersSilent.inc(),
    gauge: (name, read) => registerReader(registry, METRICS[name], read),
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    snapshot: () => snapshotOf(registry),
  };
}

function registerReader(
  registry: Registry,
  description: {
    readonly name: string;
    readonly help: string;
    readonly aggregator: 'sum' | 'min' | 'max';
  },
  read: () => number,
): void {
  registry.removeSingleMetric(description.name);
  registry.registerMetric(
    new Gauge({
      ...description,
      registers: [],
      collect() {
        this.set(read());
      },
    }),
  );
}

const STATUS_CLASSES = ['none', '1xx', '2xx', '3xx', '4xx', '5xx'] as const;

/** `none`: the connection was gone before a status was sent. */
function statusClass(status: number): string {
  return STATUS_CLASSES[Math.floor(status / 100)] ?? 'none';
}

/** Remembers what `make` gives for three labels. Labels are bounded, so it needs no eviction. */
function cached<T>(
  make: (first: string, second: string, third: string) => T,
): (first: string, second: string, third: string) => T {
  const outer = new Map<string, Map<string, Map<string, T>>>();
  return (first, second, third) => {
    const found = outer.get(first)?.get(second)?.get(third);
    if (found !== undefined) return found;
    const made = make(first, second, third);
    const middle = outer.get(first) ?? new Map<string, Map<string, T>>();
    const inner = middle.get(second) ?? new Map<string, T>();
    outer.set(first, middle.set(second, inner.set(third, made)));
    return made;
  };
}
