import { AggregatorRegistry, Registry } from 'prom-client';
import type { Exposition, MetricsSnapshot } from './metrics.ts';

/** What a registry holds now, as data that another process can take. */
export async function snapshotOf(registry: Pick<Registry, 'getMetricsAsJSON'>): Promise<MetricsSnapshot> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ type, ...metric }) => ({ ...metric, type: String(type) }));
}

/** Several processes as one: each value by its metric's own rule, whichever of them have it. */
export function mergeSnapshots(snapshots: readonly MetricsSnapshot[]): Promise<MetricsSnapshot> {
  return snapshotOf(AggregatorRegistry.aggregate([...snapshots]));
}

/** What only grows: it stays counted when whoever counted it is gone. */
export function countersOf(snapshot: MetricsSnapshot): MetricsSnapshot {
  return snapshot.filter(({ type }) => type === 'counter' || type === 'histogram');
}

/** As Prometheus text. */
export async function expositionOf(snapshots: readonly MetricsSnapshot[]): Promise<Exposition> {
  const body = await AggregatorRegistry.aggregate([...snapshots]).metrics();
  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body };
}
