import path from 'node:path';
import { expectedOf } from './expected.ts';
import { type ConfigFiles, createConfigFiles } from './files.ts';
import { refusePlanned } from './not-built-yet.ts';
import { type ConfigProblem, type ConfigWarning, formatPath, sortedByPlace } from './problem.ts';
import { createReferences } from './references.ts';
import { createReport, type Report } from './report.ts';
import { configSchema, type Settings } from './schema/config.ts';
import { schemaFaults } from './schema-problems.ts';
import { checkSemantics } from './semantics.ts';
import { valueAt } from './value-at.ts';
import { readYaml } from './yaml-source.ts';

/**
 * `files`: absolute paths of all that was asked for, the configuration first. Watch them for the next load.
 * `fingerprint`: of their content; another load is of use when `fingerprintOf(files)` is another one.
 */
export type LoadResult =
  | {
      readonly ok: true;
      readonly settings: Settings;
      /** Twelve hex digits: SHA-256 of the text and of everything that it refers to. */
      readonly revision: string;
      readonly files: readonly string[];
      readonly fingerprint: string;
      readonly warnings: readonly ConfigWarning[];
    }
  | {
      readonly ok: false;
      /** In the order of the file; at least one. */
      readonly problems: readonly ConfigProblem[];
      readonly files: readonly string[];
      readonly fingerprint: string;
    };

export interface LoadOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
}

const MAXIMUM_BYTES = 4 * 1024 * 1024;

/**
 * Reads and checks a configuration file and all that it refers to. Lists every problem at once; throws nothing.
 * Relative paths in it are relative to its folder.
 */
export function loadConfig(file: string, options: LoadOptions): LoadResult {
  const files = createConfigFiles(file);
  const refuse = (problems: readonly ConfigProblem[]): LoadResult => ({
    ok: false,
    problems: sortedByPlace(problems),
    files: files.list(),
    fingerprint: files.fingerprint(),
  });
  const refuseWhole = (found: string, expected: string) =>
    refuse([{ file, line: 1, column: 1, path: formatPath([]), found, expected, suggestion: undefined }]);

  const content = files.read(path.resolve(file), MAXIMUM_BYTES);
  if (!content.ok) return refuseWhole(content.error, 'a readable YAML file');
  const text = decodeUtf8(content.value);
  if (text === undefined) return refuseWhole('bytes that are not UTF-8', 'UTF-8 text');
  const yaml = readYaml(text);
  const faults = yaml.faults.map(
    (fault): ConfigProblem => ({ ...fault, file, path: formatPath(fault.path), suggestion: undefined }),
  );
  if (yaml.kind === 'broken') return refuse(faults);

  const report = createReport(file, yaml.source);
  const settings = validate(yaml.source.value, report, files, options);
  const problems = [...faults, ...report.problems()];
  if (settings === undefined || problems.length > 0) return refuse(problems);
  return {
    ok: true,
    settings,
    revision: files.revision(),
    files: files.list(),
    fingerprint: files.fingerprint(),
    warnings: sortedByPlace(report.warnings()),
  };
}

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function validate(
  value: unknown,
  report: Report,
  files: ConfigFiles,
  options: LoadOptions,
): Settings | undefined {
  const { uses, rest } = refusePlanned(value);
  for (const { path, found, expected } of uses) report.problem(path, { found, expected, at: 'key' });
  const schema = configSchema(createReferences(options.env, files), (name) => files.resolve(name));
  const parse = (input: unknown) => schema.safeParse(input, { error: expectedOf });

  const first = parse(rest);
  const faults = first.success ? [] : schemaFaults(first.error.issues, rest);
  for (const fault of faults) report.schemaFault(fault);
  // Without its unknown keys the rest may be sound, and then the checks across entries can be listed as well.
  const isSoundOtherwise = faults.every((fault) => fault.kind === 'unknownKey');
  for (const fault of faults) removeKey(rest, fault.path);
  const parsed = first.success || !isSoundOtherwise ? first : parse(rest);
  if (!parsed.success) return undefined;
  checkSemantics(parsed.data, report, files);
  return parsed.data;
}

function removeKey(root: unknown, keyPath: readonly (string | number)[]): void {
  const parent = valueAt(root, keyPath.slice(0, -1));
  if (typeof parent === 'object' && parent !== null)
    delete (parent as Record<string, unknown>)[String(keyPath.at(-1))];
}
