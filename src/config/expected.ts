import type { z } from 'zod';

type Issue = Omit<z.core.$ZodRawIssue, 'path'> | z.core.$ZodIssue;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
  record: 'a map',
};

/** What was expected, for every kind of issue whose schema does not say it itself. */
export function expectedOf(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[String(issue['expected'])] ?? 'a value of another type';
    case 'invalid_value':
      return oneOf(issue['values'] as readonly unknown[]);
    case 'too_small':
      return atLeast(issue['origin'], Number(issue['minimum']));
    default:
      return 'a value of another form';
  }
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(', ')}`;
}

function atLeast(origin: unknown, minimum: number): string {
  if (origin === 'array') return `a list of at least ${minimum} ${minimum === 1 ? 'entry' : 'entries'}`;
  return origin === 'string' ? `text of at least ${minimum} characters` : `a number of at least ${minimum}`;
}
