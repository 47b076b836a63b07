import type { ConfigPath } from '../problem.ts';
import type { Report } from '../report.ts';

/** A text at a place. */
export interface Entry {
  readonly path: ConfigPath;
  readonly text: string;
}

/** Reports each entry whose text an earlier one has. `what` ends "… of its own", as in "an id". */
export function refuseDuplicates(report: Report, entries: readonly Entry[], what: string): void {
  const seen = new Set<string>();
  for (const { path, text } of entries) {
    if (seen.has(text)) report.problem(path, { expected: `${what} of its own; this one is taken` });
    seen.add(text);
  }
}

/** Reports a name that is not among those that exist. `kind`: upstream, issuer, tenant. */
export function requireKnown(
  report: Report,
  path: ConfigPath,
  name: string,
  known: Readonly<Record<string, unknown>>,
  kind: string,
): void {
  if (Object.hasOwn(known, name)) return;
  const names = Object.keys(known);
  const expected =
    names.length === 0
      ? `the name of an entry of ${kind}s, of which there is none`
      : `one of ${names.join(', ')}`;
  report.problem(path, { found: `unknown ${kind} ${JSON.stringify(name)}`, expected, choices: names });
}
