import { quoted } from '../base/quoted.ts';
import { describeFound } from './found.ts';
import { configJsonSchema, type JsonSchema } from './json-schema.ts';
import { nearest } from './nearest.ts';
import { isSecretAt, knownKeysAt } from './place.ts';
import { type ConfigPath, type ConfigProblem, type ConfigWarning, formatPath } from './problem.ts';
import type { SchemaFault } from './schema-problems.ts';
import { valueAt } from './value-at.ts';
import type { YamlSource } from './yaml-source.ts';

/** What a check says about one place. */
export interface Complaint {
  /** Default: what stands there, secrets hidden. */
  readonly found?: string;
  readonly expected: string;
  /** Names that would have been right: the one nearest to `name` becomes "did you mean". */
  readonly choices?: Iterable<string>;
  /** Default: the value, if it is text. */
  readonly name?: string;
  /** Default: the value. */
  readonly at?: 'value' | 'key';
}

/** Collects what is wrong with one file, each with its place. */
export interface Report {
  problem(path: ConfigPath, complaint: Complaint): void;
  schemaFault(fault: SchemaFault): void;
  warning(path: ConfigPath, message: string): void;
  /** As written in the file, references unresolved. */
  written(path: ConfigPath): unknown;
  problems(): readonly ConfigProblem[];
  warnings(): readonly ConfigWarning[];
}

export function createReport(file: string, source: YamlSource): Report {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigWarning[] = [];
  let cachedSchema: JsonSchema | undefined;
  const jsonSchema = () => (cachedSchema ??= configJsonSchema());
  const written = (path: ConfigPath) => valueAt(source.value, path);
  const describe = (path: ConfigPath) => describeFound(written(path), isSecretAt(jsonSchema(), path));

  function problem(path: ConfigPath, complaint: Complaint): void {
    const name = complaint.name ?? written(path);
    const isTypo = complaint.choices !== undefined && typeof name === 'string';
    const suggestion = isTypo ? nearest(name, complaint.choices) : undefined;
    add(path, complaint.at ?? 'value', complaint.found ?? describe(path), complaint.expected, suggestion);
  }

  function add(
    path: ConfigPath,
    at: 'value' | 'key',
    found: string,
    expected: string,
    suggestion: string | undefined,
  ): void {
    const { line, column } = source.position(path, at);
    problems.push({ file, line, column, path: formatPath(path), found, expected, suggestion });
  }

  function unknownKey(path: ConfigPath): void {
    const key = String(path.at(-1));
    const known = knownKeysAt(jsonSchema(), path.slice(0, -1));
    add(path, 'key', `unknown key ${quoted(key)}`, `one of ${known.join(', ')}`, nearest(key, known));
  }

  return {
    problem,
    written,
    schemaFault(fault) {
      if (fault.kind === 'unknownKey') unknownKey(fault.path);
      else if (fault.kind === 'badKey')
        add(fault.path, 'key', `the key ${quoted(String(fault.path.at(-1)))}`, fault.expected, undefined);
      else {
        const value = written(fault.path);
        const lacksQuotes = fault.wantsText && (typeof value === 'number' || typeof value === 'boolean');
        const found = describe(fault.path);
        problem(fault.path, {
          found: lacksQuotes && !found.startsWith('[secret]') ? `${found} without quotes` : found,
          expected: fault.expected,
          choices: fault.choices,
        });
      }
    },
    warning(path, message) {
      const { line, column } = source.position(path, 'value');
      warnings.push({ file, line, column, path: formatPath(path), message });
    },
    problems: () => problems,
    warnings: () => warnings,
  };
}
