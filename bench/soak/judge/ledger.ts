import { type Asker, isExplained, type Outcome, SHED } from './rules.ts';

/** Times are of the monotonic clock, in milliseconds. */
export interface Observation {
  readonly asker: Asker;
  readonly outcome: Outcome;
  readonly sentAt: number;
  readonly answeredAt: number;
  /** How many of them. Default: 1. */
  readonly count?: number;
}

export interface Tally {
  readonly asker: Asker;
  readonly outcome: Outcome;
  readonly count: number;
}

/** Every answer is set against the rules as it comes, and counted. */
export interface Ledger {
  note(observation: Observation): void;
  /** From now on the store is away; what is returned says that it is back. */
  storeGoesAway(): () => void;
  isStoreAway(fromMs: number, toMs: number): boolean;
  /** Anything else that no rule explains. */
  fault(description: string): void;
  tallies(): readonly Tally[];
  total(): number;
  shed(): number;
  /** Descriptions with the number of times, the first ones first. */
  faults(): ReadonlyMap<string, number>;
}

interface Absence {
  readonly fromMs: number;
  toMs: number;
}

/** Answers under way when the store is back, and reconnections. */
const GRACE_MS = 1500;
/** Different descriptions. */
const FAULTS_KEPT = 50;

export function createLedger(clock: () => number): Ledger {
  const absences: Absence[] = [];
  const counts = new Map<Asker, Map<Outcome, number>>();
  const faults = new Map<string, number>();
  let total = 0;
  let shed = 0;

  function isStoreAway(fromMs: number, toMs: number): boolean {
    return absences.some((absence) => absence.fromMs <= toMs && fromMs <= absence.toMs + GRACE_MS);
  }

  function addFault(description: string, count: number): void {
    const known = faults.get(description);
    if (known === undefined && faults.size >= FAULTS_KEPT) addTo(faults, 'further ones', count);
    else addTo(faults, description, count);
  }

  return {
    note({ asker, outcome, sentAt, answeredAt, count = 1 }) {
      total += count;
      if (outcome === SHED) shed += count;
      const ofAsker = counts.get(asker) ?? new Map<Outcome, number>();
      counts.set(asker, ofAsker);
      addTo(ofAsker, outcome, count);
      const isAway = isStoreAway(sentAt, answeredAt);
      if (!isExplained(asker, outcome, isAway))
        addFault(`${asker}: ${outcome}${isAway ? ' while the store is away' : ''}`, count);
    },
    storeGoesAway() {
      const absence: Absence = { fromMs: clock(), toMs: Number.POSITIVE_INFINITY };
      absences.push(absence);
      return () => {
        absence.toMs = clock();
      };
    },
    isStoreAway,
    fault: (description) => addFault(description, 1),
    tallies: () =>
      [...counts].flatMap(([asker, outcomes]) =>
        [...outcomes].map(([outcome, count]) => ({ asker, outcome, count })),
      ),
    total: () => total,
    shed: () => shed,
    faults: () => faults,
  };
}

function addTo<Key>(counts: Map<Key, number>, key: Key, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
