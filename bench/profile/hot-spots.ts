import type { Profiler } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { alignColumns } from '../report/table.ts';

const SHOWN = 40;
/** Time in which the target waited, or in which it was the profiler that worked. */
const NOT_THE_TARGET: ReadonlySet<string> = new Set(['(idle)', 'post node:inspector']);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

function placeOf({ functionName, url, lineNumber }: Profiler.ProfileNode['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  if (url.startsWith('node:')) return `${name} ${url}`;
  const file = url.startsWith('file:') ? fileURLToPath(url).replace(ROOT, '') : url;
  return `${name} ${file}:${lineNumber + 1}`;
}

/** The functions that take most time themselves, callees apart: share of the busy time, µs per response. */
export function hotSpots(profile: Profiler.Profile, responses: number): string {
  const microsecondsByNode = new Map<number, number>();
  for (const [index, node] of (profile.samples ?? []).entries()) {
    const spent = profile.timeDeltas?.[index] ?? 0;
    microsecondsByNode.set(node, (microsecondsByNode.get(node) ?? 0) + spent);
  }
  const microsecondsByPlace = new Map<string, number>();
  let busy = 0;
  for (const { id, callFrame } of profile.nodes) {
    const spent = microsecondsByNode.get(id) ?? 0;
    const place = placeOf(callFrame);
    if (spent === 0 || NOT_THE_TARGET.has(place)) continue;
    busy += spent;
    microsecondsByPlace.set(place, (microsecondsByPlace.get(place) ?? 0) + spent);
  }
  const hottest = [...microsecondsByPlace].toSorted(([, a], [, b]) => b - a).slice(0, SHOWN);
  return alignColumns([
    ['function', 'share', 'µs/req'],
    ...hottest.map(([place, spent]) => [
      place,
      `${((spent / busy) * 100).toFixed(1)}%`,
      (spent / responses).toFixed(2),
    ]),
  ]);
}
