import { expect } from 'vitest';
import { DRILL_KINDS, type DrillKind, type DrillObservation } from './drill-load.ts';
import { type DrillReport, isCalm, statusWhenCalm } from './drill-scene.ts';

/** Nobody is refused for the fault, nothing that was revoked passes later than promised, and public routes do not notice. */
export function expectDrillPromises(report: DrillReport): void {
  const { observations, maxLag } = report;
  expect(observations.filter((seen) => isBroken(seen, maxLag)).map(describe)).toEqual([]);
  expect(report.forgotten.revocations, logOf(report)).toBe(0);
  for (const kind of DRILL_KINDS) expect(observations.some((seen) => seen.kind === kind)).toBe(true);
}

/** What the gateways said meanwhile. */
function logOf({ log }: DrillReport): string {
  return log.map((line) => JSON.stringify(line)).join('\n');
}

function isBroken({ kind, status, sentAt, revokedAt }: DrillObservation, maxLag: number): boolean {
  if (kind === 'public') return status !== 200;
  if (kind !== 'revoked key') return status !== statusWhenCalm(kind) && status !== 503;
  if (status === 200) return sentAt > (revokedAt ?? 0) + maxLag;
  return status !== 401 && status !== 503;
}

function describe({ kind, replica, status, sentAt, revokedAt }: DrillObservation): string {
  const late =
    revokedAt === undefined ? '' : `, ${Math.round(sentAt - revokedAt)} ms after the acknowledgement`;
  return `${kind} at gateway ${replica + 1}: ${status}${late}`;
}

/** For people: one line for each kind of request, from the beginning of the fault until everybody was answered again. */
export function describeDrill(name: string, report: DrillReport): string {
  const { observations, beganAt, endedAt, recoveredAt, acknowledged, forgotten, putBack } = report;
  const rows = DRILL_KINDS.map((kind) => rowOf(kind, report));
  const after = observations.filter(({ kind, status }) => kind === 'revoked key' && status === 200);
  const latest = Math.max(0, ...after.map(({ sentAt, revokedAt }) => sentAt - (revokedAt ?? 0)));
  return [
    '',
    `${name}: lasted ${seconds(endedAt - beganAt)}; the last request failed ${seconds(recoveredAt - beganAt)} after the beginning`,
    '| request | sent | failed | share | first failure | last failure | p50 ms | p99 ms | longest ms |',
    '|---|---|---|---|---|---|---|---|---|',
    ...rows,
    `acknowledged: ${acknowledged.revocations} revocations, ${acknowledged.newKeys} new keys; not there in the end: ` +
      `${forgotten.revocations} revocations, ${forgotten.newKeys} new keys; revocations put back: ${putBack}`,
    `a revoked key passed at most ${Math.round(latest)} ms after the acknowledgement (${after.length} requests)`,
    '',
  ].join('\n');
}

function rowOf(kind: DrillKind, { observations, beganAt, endedAt, recoveredAt }: DrillReport): string {
  const until = Math.max(endedAt, recoveredAt);
  const seen = observations.filter(
    (observation) =>
      observation.kind === kind && observation.sentAt >= beganAt && observation.sentAt <= until,
  );
  const failed = seen.filter((observation) => !isCalm(observation)).map(({ sentAt }) => sentAt - beganAt);
  const times = seen
    .map(({ sentAt, answeredAt }) => answeredAt - sentAt)
    .toSorted((one, other) => one - other);
  const cells = [
    kind,
    seen.length,
    failed.length,
    `${((100 * failed.length) / Math.max(1, seen.length)).toFixed(0)} %`,
    failed.length === 0 ? '' : seconds(Math.min(...failed)),
    failed.length === 0 ? '' : seconds(Math.max(...failed)),
    percentile(times, 0.5),
    percentile(times, 0.99),
    percentile(times, 1),
  ];
  return `| ${cells.join(' | ')} |`;
}

function percentile(sorted: readonly number[], share: number): string {
  const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  return value === undefined ? '' : value.toFixed(0);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
