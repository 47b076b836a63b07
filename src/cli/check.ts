import { type LoadResult, loadConfig } from '../config/load.ts';
import { formatProblem, formatWarning } from '../config/problem.ts';
import { type CommandIo, paint } from './command-io.ts';

export interface CheckOptions {
  readonly file: string;
  readonly output: 'text' | 'json';
}

/**
 * `gatehouse check`: exit code 0 if the file would be served, 1 if not. Text: problems on stderr, one to a line. JSON: one object on
 * stdout, `{ ok, file, revision, files, warnings }` or `{ ok, file, problems }`.
 */
export function runCheck(options: CheckOptions, io: CommandIo): 0 | 1 {
  const result = loadConfig(options.file, { env: io.env });
  if (options.output === 'json')
    io.stdout.write(`${JSON.stringify(summaryOf(options.file, result), undefined, 2)}\n`);
  else writeText(options.file, result, io);
  return result.ok ? 0 : 1;
}

/** Settings are left out: they hold what references stand for. */
function summaryOf(file: string, result: LoadResult) {
  if (!result.ok)
    return {
      ok: false,
      file,
      problems: result.problems.map((problem) => ({ ...problem, message: formatProblem(problem) })),
    };
  const { revision, files, warnings } = result;
  return { ok: true, file, revision, files, warnings };
}

function writeText(file: string, result: LoadResult, io: CommandIo): void {
  if (!result.ok) {
    for (const problem of result.problems) io.stderr.write(`${formatProblem(problem)}\n`);
    const count = result.problems.length;
    io.stderr.write(`${paint(io.stderr, 'red', `${count} ${count === 1 ? 'problem' : 'problems'}`)}\n`);
    return;
  }
  for (const warning of result.warnings)
    io.stderr.write(`${paint(io.stderr, 'yellow', 'warning')} ${formatWarning(warning)}\n`);
  const { routes, upstreams, tenants } = result.settings;
  const counts = [
    `routes ${routes.length}`,
    `upstreams ${Object.keys(upstreams).length}`,
    `tenants ${Object.keys(tenants).length}`,
    `revision ${result.revision}`,
  ];
  io.stdout.write(`${paint(io.stdout, 'green', 'ok')} ${file} (${counts.join(', ')})\n`);
}
