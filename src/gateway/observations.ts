import type { EpochMilliseconds } from '../base/clock.ts';
import type { DenyCode } from '../http/deny-codes.ts';

/** What observed routes would have refused, of one kind. */
export interface Observation {
  readonly route: string;
  /** `undefined`: it was not determined. */
  readonly tenant: string | undefined;
  readonly code: DenyCode;
  readonly count: number;
  readonly firstAt: EpochMilliseconds;
  readonly lastAt: EpochMilliseconds;
  /** Of the latest one; for people inside only. */
  readonly lastReason: string;
}

/** The report of a migration: kept in memory since the start; each single case is in the audit stream. */
export interface Observations {
  record(
    route: string,
    tenant: string | undefined,
    code: DenyCode,
    reason: string,
    at: EpochMilliseconds,
  ): void;
  /** Most frequent first. */
  list(): readonly Observation[];
}

export function createObservations(): Observations {
  const byRoute = new Map<string, Map<string | undefined, Map<DenyCode, Observation>>>();

  function ofTenant(route: string, tenant: string | undefined): Map<DenyCode, Observation> {
    const tenants = byRoute.get(route) ?? new Map<string | undefined, Map<DenyCode, Observation>>();
    byRoute.set(route, tenants);
    const codes = tenants.get(tenant) ?? new Map<DenyCode, Observation>();
    tenants.set(tenant, codes);
    return codes;
  }

  return {
    record(route, tenant, code, reason, at) {
      const codes = ofTenant(route, tenant);
      const { count = 0, firstAt = at } = codes.get(code) ?? {};
      codes.set(code, { route, tenant, code, count: count + 1, firstAt, lastAt: at, lastReason: reason });
    },
    list() {
      return mostFrequentFirst(
        [...byRoute.values()].flatMap((tenants) =>
          [...tenants.values()].flatMap((codes) => [...codes.values()]),
        ),
      );
    },
  };
}

/** The reports of several processes as one. */
export function mergeObservations(reports: readonly (readonly Observation[])[]): readonly Observation[] {
  const kinds = Map.groupBy(reports.flat(), ({ route, tenant, code }) =>
    JSON.stringify([route, tenant, code]),
  );
  return mostFrequentFirst(
    [...kinds.values()].map((same) =>
      same.reduce((one, other) => ({
        ...(one.lastAt >= other.lastAt ? one : other),
        count: one.count + other.count,
        firstAt: Math.min(one.firstAt, other.firstAt),
      })),
    ),
  );
}

function mostFrequentFirst(observations: readonly Observation[]): readonly Observation[] {
  return observations.toSorted((one, other) => other.count - one.count);
}
