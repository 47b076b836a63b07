import { quoted } from '../base/quoted.ts';
import type { ConfigPath } from './problem.ts';
import { valueAt } from './value-at.ts';

/** A key that is planned, and that this version refuses by name. `*` stands for any one key or index. */
interface PlannedKey {
  readonly path: readonly string[];
  /** What it is for. */
  readonly feature: string;
  /** What to write instead. */
  readonly expected?: string;
}

const PLANNED_KEYS: readonly PlannedKey[] = [{ path: ['tracing'], feature: 'export of spans' }];

/** A planned key that the configuration uses. */
export interface PlannedUse {
  readonly path: ConfigPath;
  readonly found: string;
  readonly expected: string;
}

/**
 * Finds every use of what is planned, and answers the configuration without it, so that the rest can be checked.
 */
export function refusePlanned(root: unknown): {
  readonly uses: readonly PlannedUse[];
  readonly rest: unknown;
} {
  const rest: unknown = structuredClone(root);
  const uses = PLANNED_KEYS.flatMap((planned) =>
    pathsOf(rest, planned.path).map((path): PlannedUse => {
      const key = String(path.at(-1));
      delete (valueAt(rest, path.slice(0, -1)) as Record<string, unknown>)[key];
      return {
        path,
        found: `${quoted(key)}, which this version does not have yet (${planned.feature})`,
        expected: planned.expected ?? 'no such key',
      };
    }),
  );
  return { uses, rest };
}

function pathsOf(root: unknown, pattern: readonly string[]): readonly ConfigPath[] {
  let paths: readonly ConfigPath[] = [[]];
  for (const step of pattern) paths = paths.flatMap((path) => children(root, path, step));
  return paths;
}

function children(root: unknown, path: ConfigPath, step: string): readonly ConfigPath[] {
  const value = valueAt(root, path);
  if (typeof value !== 'object' || value === null) return [];
  if (step !== '*') return Object.hasOwn(value, step) ? [[...path, step]] : [];
  if (Array.isArray(value)) return value.map((_, index) => [...path, index]);
  return Object.keys(value).map((key) => [...path, key]);
}
