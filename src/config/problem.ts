import { quoted } from '../base/quoted.ts';

/** Keys and indexes from the top of the configuration to one place in it. */
export type ConfigPath = readonly (string | number)[];

/** Something wrong at one place. `found` never holds a secret. Line and column count from 1. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly found: string;
  readonly expected: string;
  /** What was probably meant, in place of `expected` in the message. */
  readonly suggestion: string | undefined;
}

/** Something that loads, but that the operator should know about. */
export interface ConfigWarning {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
}

interface Placed {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
}

/** `file:line:col path: found …, expected …`, or `…: found …, did you mean …?` */
export function formatProblem(problem: ConfigProblem): string {
  const rest =
    problem.suggestion === undefined
      ? `expected ${problem.expected}`
      : `did you mean ${quoted(problem.suggestion)}?`;
  return `${formatPlace(problem)}: found ${problem.found}, ${rest}`;
}

/** `file:line:col path: message` */
export function formatWarning(warning: ConfigWarning): string {
  return `${formatPlace(warning)}: ${warning.message}`;
}

function formatPlace(place: Placed): string {
  return `${place.file}:${place.line}:${place.column} ${place.path}`;
}

/** `routes[2].match.path`; a key that is not a plain word is quoted in brackets; `(document)` is the whole. */
export function formatPath(path: ConfigPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${quoted(step)}]`;
  }
  return text === '' ? '(document)' : text;
}

/** In the order of the file. Of several at one place with one path the first stays: the rest follow from it. */
export function sortedByPlace<P extends Placed>(entries: readonly P[]): P[] {
  const seen = new Set<string>();
  const unique = entries.filter((entry) => {
    const key = `${entry.line}:${entry.column}:${entry.path}`;
    return !seen.has(key) && seen.add(key);
  });
  return unique.sort((a, b) => a.line - b.line || a.column - b.column);
}
