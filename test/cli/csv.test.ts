import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseCsv } from '../../src/cli/csv.ts';

function cellsOf(text: string): unknown {
  const parsed = parseCsv(text);
  return parsed.ok ? parsed.value.map(({ cells }) => cells) : parsed.error;
}

test.each<[string, string, unknown]>([
  ['nothing', '', []],
  ['a line without its end', 'a,b', [['a', 'b']]],
  ['every kind of line end', 'a\nb\r\nc\rd', [['a'], ['b'], ['c'], ['d']]],
  [
    'empty cells',
    ',\na,,\n',
    [
      ['', ''],
      ['a', '', ''],
    ],
  ],
  ['a comma at the very end', 'a,', [['a', '']]],
  [
    'commas, quotes and line ends in quotes',
    '"a,b","say ""hi""","x\r\ny"\n',
    [['a,b', 'say "hi"', 'x\r\ny']],
  ],
  ['an empty cell in quotes', '"",a', [['', 'a']]],
  ['a byte order mark', '\uFEFFa,b\n', [['a', 'b']]],
  ['empty lines', '\n\na\n\nb\n\n', [['a'], ['b']]],
  ['spaces', ' a , b ', [[' a ', ' b ']]],
  ['a quote within a cell', 'a\nx"y,z', 'Line 2: a quote is out of place.'],
  ['text after a quote', '"a"b', 'Line 1: a quote is out of place.'],
  ['a quote that does not end', 'a\n"b\n\n', 'Line 2: a quote is out of place.'],
])('%s', (_name, text, cells) => {
  expect(cellsOf(text)).toEqual(cells);
});

test('each record knows the line that it begins on', () => {
  const parsed = parseCsv('head\n"two\nlines"\n\nlast\n');
  expect(parsed.ok && parsed.value.map(({ line }) => line)).toEqual([1, 2, 5]);
});

test('what was written by the rules is read as it was, with any line end', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'ü', ',', '"', '\n', '\r', ' ', ';') });
  const record = fc.array(cell, { minLength: 2, maxLength: 5 });
  fc.assert(
    fc.property(
      fc.array(record),
      fc.constantFrom('\n', '\r\n', '\r'),
      fc.boolean(),
      (records, end, isEnded) => {
        const lines = records.map((cells) =>
          cells.map((text) => `"${text.replaceAll('"', '""')}"`).join(','),
        );
        const text = lines.join(end) + (isEnded && lines.length > 0 ? end : '');
        expect(cellsOf(text)).toEqual(records);
      },
    ),
  );
});

test('any text is either read or refused, without repeating it', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('s', ',', '"', '\n', '\r') }), (text) => {
      const parsed = parseCsv(text);
      if (!parsed.ok) expect(parsed.error).toMatch(/^Line \d+: a quote is out of place\.$/);
    }),
  );
});
