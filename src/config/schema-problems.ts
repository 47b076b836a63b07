import type { z } from 'zod';
import type { ConfigPath } from './problem.ts';
import { valueAt } from './value-at.ts';

/** One thing that the schema does not allow. */
export type SchemaFault =
  | { readonly kind: 'unknownKey'; readonly path: ConfigPath }
  | { readonly kind: 'badKey'; readonly path: ConfigPath; readonly expected: string }
  | {
      readonly kind: 'badValue';
      readonly path: ConfigPath;
      readonly expected: string;
      /** Values that are possible, where they are few. */
      readonly choices: readonly string[];
      /** Text was expected: a number may only lack its quotes. */
      readonly wantsText: boolean;
    };

type Issue = z.core.$ZodIssue;

/** Flattens zod's issues; of a union's alternatives it keeps the one that the value was meant to be. */
export function schemaFaults(issues: readonly Issue[], root: unknown): readonly SchemaFault[] {
  return issues.flatMap((issue) => faultsOf(issue, [], root));
}

function faultsOf(issue: Issue, prefix: ConfigPath, root: unknown): readonly SchemaFault[] {
  const path = [...prefix, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ kind: 'unknownKey', path: [...path, key] }));
    case 'invalid_key':
      return [{ kind: 'badKey', path, expected: issue.issues[0]?.message ?? 'another key' }];
    case 'invalid_union': {
      const branch = meantBranch(issue.errors, valueAt(root, path));
      if (branch === undefined) return [badValue(path, issue.message)];
      const whole = branch.find((inner) => inner.path.length === 0 && inner.code !== 'unrecognized_keys');
      if (whole === undefined) return branch.flatMap((inner) => faultsOf(inner, path, root));
      const choices = whole.code === 'invalid_value' ? whole.values.map(String) : [];
      return [{ ...badValue(path, issue.message), choices }];
    }
    case 'invalid_value':
      return [{ ...badValue(path, issue.message), choices: issue.values.map(String) }];
    case 'invalid_type':
      return [{ ...badValue(path, issue.message), wantsText: issue.expected === 'string' }];
    case 'custom':
    case 'invalid_element':
    case 'invalid_format':
    case 'not_multiple_of':
    case 'too_big':
    case 'too_small':
      return [badValue(path, issue.message)];
  }
}

function badValue(path: ConfigPath, expected: string) {
  return { kind: 'badValue', path, expected, choices: [], wantsText: false } as const;
}

/**
 * The alternative that fits the value's type. Of several maps, the one with the fewest faults; if two are as near,
 * the union's own message says more than either.
 */
function meantBranch(branches: readonly (readonly Issue[])[], value: unknown): readonly Issue[] | undefined {
  const fitting = branches.filter((branch) => !branch.some((issue) => isOfAnotherType(issue, value)));
  const fewest = Math.min(...fitting.map((branch) => branch.length));
  const nearest = fitting.filter((branch) => branch.length === fewest);
  return nearest.length === 1 ? nearest[0] : undefined;
}

function isOfAnotherType(issue: Issue, value: unknown): boolean {
  if (issue.path.length > 0) return false;
  return issue.code === 'invalid_type' || (issue.code === 'invalid_value' && typeof value !== 'string');
}
