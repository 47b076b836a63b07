import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import type { ImportOutcomeView, ImportReportView } from '../../admin/schemas/keys.ts';
import type { AdminClient } from '../admin-client.ts';
import { type CsvRecord, parseCsv } from '../csv.ts';
import { CliFailure } from '../failure.ts';
import { type Column, table } from '../output.ts';
import { instantFrom } from '../session.ts';

/** What became of one line. The key itself is nowhere. */
interface ImportedLine {
  readonly line: number;
  readonly outcome: ImportOutcomeView['outcome'];
  readonly tenant: string;
  readonly name: string;
  readonly id?: string;
  readonly reason?: string;
  readonly warnings: readonly string[];
}

interface ImportReport {
  readonly isDryRun: boolean;
  readonly imported: number;
  readonly present: number;
  readonly refused: number;
  readonly lines: readonly ImportedLine[];
}

const MANDATORY = ['tenant', 'key', 'name'] as const;
const OPTIONAL = ['owner', 'scopes', 'roles', 'expires', 'id'] as const;
type ColumnName = (typeof MANDATORY)[number] | (typeof OPTIONAL)[number];
type Row = Readonly<Partial<Record<ColumnName, string>>>;

/** As many as the API takes at once. */
const BATCH = 500;

const OUTCOME_STYLES = { imported: 'green', present: 'dim', refused: 'red' } as const;
const COLUMNS: readonly Column<ImportedLine>[] = [
  { title: 'LINE', cell: ({ line }) => line.toString() },
  { title: 'OUTCOME', cell: ({ outcome }) => outcome, style: ({ outcome }) => OUTCOME_STYLES[outcome] },
  { title: 'TENANT', cell: ({ tenant }) => tenant },
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'ID', cell: ({ id }) => id },
  { title: 'REMARK', cell: ({ reason, warnings }) => reason ?? (warnings.join(' ') || undefined) },
];

/** Sends the keys of a file in batches, and tells on standard error how far it is. Throws `CliFailure`. */
export async function importCsv(client: AdminClient, file: string, isDryRun: boolean): Promise<ImportReport> {
  const { columns, records } = readTable(await readText(file));
  const lines: ImportedLine[] = [];
  const seen = new Map<string, number>();
  for (let from = 0; from < records.length; from += BATCH) {
    lines.push(...(await importBatch(client, columns, records.slice(from, from + BATCH), seen, isDryRun)));
    if (records.length > BATCH) process.stderr.write(`${lines.length} of ${records.length} keys\n`);
  }
  const count = (outcome: ImportedLine['outcome']) => lines.filter((each) => each.outcome === outcome).length;
  return {
    isDryRun,
    imported: count('imported'),
    present: count('present'),
    refused: count('refused'),
    lines,
  };
}

export function describeReport({ isDryRun, imported, present, refused, lines }: ImportReport): string {
  const verb = isDryRun ? 'would be imported' : 'imported';
  const summary = `${imported} ${verb}, ${present} there already, ${refused} refused.\n`;
  return table(lines, COLUMNS, 'The file holds no keys.') + summary;
}

async function readText(file: string): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new CliFailure(`${file} cannot be read (${error.code ?? error.name}).`);
  });
}

function readTable(text: string): {
  readonly columns: readonly ColumnName[];
  readonly records: readonly CsvRecord[];
} {
  const parsed = parseCsv(text);
  if (!parsed.ok) throw new CliFailure(parsed.error);
  const [head, ...records] = parsed.value;
  const columns = (head?.cells ?? []).map((cell) => cell.trim().toLowerCase());
  // A file without a line of titles has a key there, so what was found is not repeated.
  const isKnown = columns.every((name) => isColumn(name)) && new Set(columns).size === columns.length;
  const isComplete = MANDATORY.every((name) => columns.includes(name));
  if (isKnown && isComplete) return { columns: columns.filter(isColumn), records };
  throw new CliFailure(
    `The first line must name the columns: ${MANDATORY.join(', ')}, and any of ${OPTIONAL.join(', ')}, each once.`,
  );
}

function isColumn(name: string): name is ColumnName {
  return [...MANDATORY, ...OPTIONAL].some((known) => known === name);
}

/** `seen`: the keys of the file so far, by the line that has them. */
async function importBatch(
  client: AdminClient,
  columns: readonly ColumnName[],
  records: readonly CsvRecord[],
  seen: Map<string, number>,
  isDryRun: boolean,
): Promise<readonly ImportedLine[]> {
  const sent: Row[] = [];
  const drafts = records.map((record) => {
    const row = rowOf(columns, record);
    const problem = problemOf(columns, record, row, seen);
    const index = problem === undefined ? sent.push(row) - 1 : undefined;
    return { shown: describe(columns, record, row), problem, index };
  });
  const keys = sent.map(requestOf);
  const { results } =
    keys.length === 0
      ? { results: [] }
      : await client.post<ImportReportView>('/v1/keys/import-batch', { isDryRun, keys });
  const byIndex = new Map(results.map((result) => [result.index, result]));
  return drafts.map(({ shown, problem, index }): ImportedLine => {
    const result = index === undefined ? undefined : byIndex.get(index);
    if (result === undefined) return refused(shown, problem ?? 'The API did not tell what became of it.');
    const { warnings, outcome } = result;
    if (outcome === 'refused') return refused(shown, result.reason);
    return { ...shown, outcome, id: result.id, warnings };
  });
}

function refused(draft: Pick<ImportedLine, 'line' | 'tenant' | 'name'>, reason: string): ImportedLine {
  return { ...draft, outcome: 'refused', reason, warnings: [] };
}

function rowOf(columns: readonly ColumnName[], { cells }: CsvRecord): Row {
  const entries = columns.map((name, at) => [name, cells[at] ?? ''] as const);
  return Object.fromEntries(entries.filter(([, cell]) => cell !== ''));
}

/** With cells out of place, any of them may be the key: then nothing of the line is shown. */
function describe(
  columns: readonly ColumnName[],
  { line, cells }: CsvRecord,
  { tenant = '', name = '', key }: Row,
): Pick<ImportedLine, 'line' | 'tenant' | 'name'> {
  const isSafe = cells.length === columns.length && tenant !== key && name !== key;
  return { line, tenant: isSafe ? tenant : '', name: isSafe ? name : '' };
}

function problemOf(
  columns: readonly ColumnName[],
  { line, cells }: CsvRecord,
  { key }: Row,
  seen: Map<string, number>,
): string | undefined {
  if (cells.length !== columns.length)
    return `It has ${cells.length} cells, and the first line ${columns.length}.`;
  if (key === undefined) return 'It has no key.';
  const first = seen.get(key);
  if (first !== undefined) return `It has the same key as line ${first}.`;
  seen.set(key, line);
  return undefined;
}

/** As the API takes it, which checks everything. */
function requestOf({ tenant, key, name, owner, scopes, roles, expires, id }: Row): object {
  return {
    tenant,
    key,
    name,
    owner,
    id,
    scopes: listOf(scopes, ' '),
    roles: listOf(roles, ';'),
    expiresAt: expires === undefined ? undefined : instantFrom(expires),
  };
}

function listOf(cell: string | undefined, separator: string): readonly string[] | undefined {
  return cell
    ?.split(separator)
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
