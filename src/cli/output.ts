import { styleText } from 'node:util';

export type OutputFormat = 'text' | 'json';

/** JSON for programs, or what `text` makes of the value for people. */
export function printResult<T>(format: OutputFormat, value: T, text: (value: T) => string): void {
  process.stdout.write(format === 'json' ? `${JSON.stringify(value, undefined, 2)}\n` : text(value));
}

export interface Column<T> {
  readonly title: string;
  cell(row: T): string | undefined;
  style?(row: T): Style | undefined;
}

type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold';

/** Aligned columns with a line of titles, or `none` as a sentence. Colour only on a terminal and without NO_COLOR. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[], none: string): string {
  if (rows.length === 0) return `${none}\n`;
  const cells = rows.map((row) => columns.map((column) => printable(column.cell(row) ?? '-')));
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const pad = (text: string, at: number) => text.padEnd(at === columns.length - 1 ? 0 : (widths[at] ?? 0));
  const head = columns.map(({ title }, at) => pad(title, at)).join('  ');
  const body = cells.map((line, index) =>
    columns
      .map((column, at) => {
        const row = rows[index];
        return paint(pad(line[at] ?? '', at), row === undefined ? undefined : column.style?.(row));
      })
      .join('  '),
  );
  return `${[paint(head, 'bold'), ...body].map((line) => line.trimEnd()).join('\n')}\n`;
}

/** Names and values, one per line. What is undefined is left out. */
export function properties(members: readonly (readonly [string, string | undefined])[]): string {
  const present = members.filter((member): member is readonly [string, string] => member[1] !== undefined);
  const width = Math.max(0, ...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${name.padEnd(width)}  ${printable(value)}\n`).join('');
}

export function paint(text: string, style: Style | undefined): string {
  return style === undefined ? text : styleText(style, text, { stream: process.stdout });
}

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Some of what is printed came from clients: it must not move the cursor or pass for a line of ours. */
export function printable(text: string): string {
  return text.replace(CONTROL, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** `2027-06-30 12:00Z` of an RFC 3339 time in UTC. */
export function shortTime(instant: string | undefined): string | undefined {
  return instant === undefined ? undefined : `${instant.slice(0, 16).replace('T', ' ')}Z`;
}
