import { quoted } from '../../base/quoted.ts';
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

const COLLECTIONS = { upstream: 'upstreams', issuer: 'issuers', tenant: 'tenants', login: 'login' } as const;

/** Reports a name that is not among those that exist, as the value at `path` or as its last key. */
export function requireKnown(
  report: Report,
  path: ConfigPath,
  name: string,
  known: Readonly<Record<string, unknown>>,
  kind: keyof typeof COLLECTIONS,
): void {
  if (Object.hasOwn(known, name)) return;
  const names = Object.keys(known);
  report.problem(path, {
    found: `unknown ${kind} ${quoted(name)}`,
    expected: names.length === 0 ? `an entry of ${COLLECTIONS[kind]}` : `one of ${names.join(', ')}`,
    choices: names,
    name,
    at: path.at(-1) === name ? 'key' : 'value',
  });
}
