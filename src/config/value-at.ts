import type { ConfigPath } from './problem.ts';

/** The value at a path of a plain tree; `undefined` where there is none. Inherited members do not count. */
export function valueAt(root: unknown, path: ConfigPath): unknown {
  let value = root;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
