import type { Metrics, MetricsSnapshot } from './metrics.ts';
import { countersOf, expositionOf, mergeSnapshots } from './metrics-snapshot.ts';

/** Another process whose metrics are told together with this one's. */
export interface MetricsSource {
  /** `undefined`: it did not answer in time. Never throws. */
  snapshot(): Promise<MetricsSnapshot | undefined>;
}

/** The metrics of several processes, told as those of one. */
export interface MergedMetrics extends Pick<Metrics, 'expose'> {
  /** The process is gone. What it counted, as far as it told, stays counted: a counter that fell would look like a restart. */
  retire(source: MetricsSource): void;
}

/**
 * Of a process that does not answer, the counters stand as it last told them, for the same reason; its gauges are left out, since
 * they say how things are now.
 */
export function createMergedMetrics(options: {
  readonly own: Pick<Metrics, 'snapshot' | 'workerSilent'>;
  readonly sources: () => readonly MetricsSource[];
}): MergedMetrics {
  const { own, sources } = options;
  const lastTold = new Map<MetricsSource, MetricsSnapshot>();
  const retired = new WeakSet<MetricsSource>();
  let departed: Promise<MetricsSnapshot> = Promise.resolve([]);

  async function ask(source: MetricsSource) {
    const snapshot = await source.snapshot();
    if (snapshot === undefined) own.workerSilent();
    return { source, snapshot };
  }

  return {
    async expose() {
      const answers = await Promise.all(sources().map(ask));
      // Who went meanwhile is among the departed already.
      const present = answers.filter(({ source }) => !retired.has(source));
      const told = present.map(({ source, snapshot }) => {
        if (snapshot === undefined) return countersOf(lastTold.get(source) ?? []);
        lastTold.set(source, snapshot);
        return snapshot;
      });
      const gone = departed;
      return expositionOf([await own.snapshot(), await gone, ...told]);
    },
    retire(source) {
      retired.add(source);
      const counters = countersOf(lastTold.get(source) ?? []);
      lastTold.delete(source);
      departed = departed.then((before) => mergeSnapshots([before, counters]));
    },
  };
}
