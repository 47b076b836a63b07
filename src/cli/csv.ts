import { err, ok, type Result } from '../base/result.ts';

export interface CsvRecord {
  /** Where it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** A quoted cell, in which `""` stands for `"` and line ends are text, or a cell without quotes. */
const CELL = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;
const LINE_END = /\r\n|\n|\r|$/y;

/**
 * CSV as RFC 4180 has it: commas, quotes where needed, any line end, a byte order mark allowed. Empty lines are skipped. The
 * error is a sentence that names the line and repeats nothing of it.
 */
export function parseCsv(text: string): Result<readonly CsvRecord[], string> {
  const records: CsvRecord[] = [];
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  let line = 1;
  let cells: string[] = [];
  let begun = line;
  while (at < text.length) {
    CELL.lastIndex = at;
    const [whole = '', quoted, plain = ''] = CELL.exec(text) ?? [];
    at += whole.length;
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += countLineEnds(whole);
    if (text[at] === ',') {
      at += 1;
      // A comma at the very end of the text has an empty cell after it.
      if (at < text.length) continue;
      cells.push('');
    }
    LINE_END.lastIndex = at;
    const end = LINE_END.exec(text)?.[0];
    if (end === undefined) return err(`Line ${line}: a quote is out of place.`);
    at += end.length;
    if (cells.length > 1 || cells[0] !== '') records.push({ line: begun, cells });
    cells = [];
    line += 1;
    begun = line;
  }
  return ok(records);
}

function countLineEnds(text: string): number {
  return text.match(/\r\n|\n|\r/g)?.length ?? 0;
}
