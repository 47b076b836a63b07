import { type Flatness, floorsOf, judgeFlatness } from './flatness.ts';
import type { Ledger } from './ledger.ts';
import type { Samples } from './sampler.ts';

const MEGABYTE = 1_000_000;
/** By which a heap that leaks nothing may settle; over ten minutes of 8,000 requests/s it is less than two bytes per request. */
const HEAP_ALLOWANCE = { share: 0.05, least: 8 * MEGABYTE };
const RESIDENT_ALLOWANCE = { share: 0.1, least: 24 * MEGABYTE };
/** What stays on the heap shows behind a collection of all of it: under half load one comes every ten to thirty seconds. */
const FLOOR_MS = 45_000;
/** In the first minutes caches fill, code is compiled, and the heap finds its size. */
const SHORTEST_MS = 4 * 60_000;
/** Connections to upstreams that are kept for the next request, and the store's. */
const SPARE_DESCRIPTORS = 24;
/** At half load hardly anything may be refused to save work. In a short run the load may be of a moment in which the machine did nothing else. */
const MOST_SHED = 0.01;

export interface MemoryVerdict {
  readonly heap: Flatness;
  readonly resident: Flatness;
}

/** Whether what takes its time can be told. */
function isLong({ resident }: Samples): boolean {
  return (resident.at(-1)?.atMs ?? 0) - (resident[0]?.atMs ?? 0) >= SHORTEST_MS;
}

export function judgeMemory(samples: Samples): MemoryVerdict {
  const { heap, resident } = isLong(samples) ? samples : { heap: [], resident: [] };
  return {
    heap: judgeFlatness(floorsOf(heap, FLOOR_MS), HEAP_ALLOWANCE),
    resident: judgeFlatness(resident, RESIDENT_ALLOWANCE),
  };
}

/** Those of each quiet moment, against those before any load. */
export function descriptorsGrowth(descriptors: readonly number[]): number {
  const [first = 0, ...later] = descriptors;
  return Math.max(0, ...later) - first;
}

/** Each reason for which the soak failed. */
export function failuresOf(
  ledger: Ledger,
  gateways: readonly { readonly name: string; readonly samples: Samples }[],
): readonly string[] {
  const failures = [...ledger.faults()].map(([fault, count]) => `${count} × ${fault}`);
  for (const { name, samples } of gateways) {
    for (const [what, flatness] of Object.entries(judgeMemory(samples))) {
      if (flatness.kind === 'judged' && !flatness.isFlat)
        failures.push(
          `${name}: ${what} grows, ${megabytes(flatness.early)} to ${megabytes(flatness.late)} MB`,
        );
    }
    const growth = descriptorsGrowth(samples.descriptors);
    if (growth > SPARE_DESCRIPTORS)
      failures.push(`${name}: descriptors grow, ${samples.descriptors.join(', ')} at quiet moments`);
  }
  const isJudged = gateways.every(({ samples }) => isLong(samples));
  if (isJudged && ledger.shed() > MOST_SHED * ledger.total())
    failures.push(`${ledger.shed()} of ${ledger.total()} requests were refused as overload at half load`);
  return failures;
}

export function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}
