import { type Column, table } from '../../src/cli/output.ts';
import type { CheckedLine, CheckReport } from './run-check.ts';

const COLUMNS: readonly Column<CheckedLine>[] = [
  { title: 'LINE', cell: ({ title }) => title },
  {
    title: 'RESULT',
    cell: ({ isOk }) => (isOk ? 'ok' : 'FAILED'),
    style: ({ isOk }) => (isOk ? 'green' : 'red'),
  },
  { title: 'WHAT HAPPENED', cell: ({ got }) => got },
];

/** A table, and what was wrong below it. */
export function reportAsText({ notes, lines }: CheckReport): string {
  const failures = lines.filter(({ isOk }) => !isOk);
  const details = failures.map(
    ({ title, command, expected, complaints }) =>
      `\n${title}\n  ${command}\n  expected: ${expected}\n${complaints.map((complaint) => `  but ${complaint}\n`).join('')}`,
  );
  const summary = `\n${lines.length - failures.length} ok, ${failures.length} failed\n`;
  return [
    table(lines, COLUMNS, 'Nothing was run.'),
    ...details,
    summary,
    ...notes.map((note) => `${note}\n`),
  ].join('');
}

/** `{ ok, notes, lines: [{ title, command, expected, got, ok, complaints }] }` */
export function reportAsJson({ isOk, notes, lines }: CheckReport): string {
  const shown = lines.map(({ isOk: ok, ...line }) => ({ ...line, ok }));
  return `${JSON.stringify({ ok: isOk, notes, lines: shown }, undefined, 2)}\n`;
}
