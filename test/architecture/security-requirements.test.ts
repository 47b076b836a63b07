import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { SECURITY_CASES } from '../../scripts/security-cases.ts';

const DOCS = path.resolve(import.meta.dirname, '../../docs');
const page = readFileSync(path.join(DOCS, 'security-requirements.md'), 'utf8');

/** Requirements of levels 1 and 2 of ASVS 5.0.0, by section: numbers, and ranges with both ends. */
const ASVS: Readonly<Record<string, string>> = {
  '1.1': '1-2',
  '1.2': '1-9',
  '1.3': '1-11',
  '1.4': '1-3',
  '1.5': '1-2',
  '2.1': '1-3',
  '2.2': '1-3',
  '2.3': '1-4',
  '2.4': '1',
  '3.2': '1-2',
  '3.3': '1-4',
  '3.4': '1-6',
  '3.5': '1-5',
  '3.7': '1-2',
  '4.1': '1-3',
  '4.2': '1',
  '4.3': '1-2',
  '4.4': '1-4',
  '5.1': '1',
  '5.2': '1-3',
  '5.3': '1-2',
  '5.4': '1-3',
  '6.1': '1-3',
  '6.2': '1-12',
  '6.3': '1-4',
  '6.4': '1-4',
  '6.5': '1-5',
  '6.6': '1-3',
  '6.8': '1-4',
  '7.1': '1-3',
  '7.2': '1-4',
  '7.3': '1-2',
  '7.4': '1-5',
  '7.5': '1-2',
  '7.6': '1-2',
  '8.1': '1-2',
  '8.2': '1-3',
  '8.3': '1',
  '8.4': '1',
  '9.1': '1-3',
  '9.2': '1-4',
  '10.1': '1-2',
  '10.2': '1-2',
  '10.3': '1-4',
  '10.4': '1-11',
  '10.5': '1-5',
  '10.6': '1-2',
  '10.7': '1-3',
  '11.1': '1-2',
  '11.2': '1-3',
  '11.3': '1-3',
  '11.4': '1-4',
  '11.5': '1',
  '11.6': '1',
  '12.1': '1-3',
  '12.2': '1-2',
  '12.3': '1-4',
  '13.1': '1',
  '13.2': '1-5',
  '13.3': '1-2',
  '13.4': '1-5',
  '14.1': '1-2',
  '14.2': '1-4',
  '14.3': '1-3',
  '15.1': '1-3',
  '15.2': '1-3',
  '15.3': '1-7',
  '16.1': '1',
  '16.2': '1-5',
  '16.3': '1-4',
  '16.4': '1-3',
  '16.5': '1-3',
  '17.1': '1',
  '17.2': '1-4',
  '17.3': '1-2',
};

function numbersOf(section: string, range: string): readonly string[] {
  const [first = 0, last = first] = range.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, index) => `${section}.${first + index}`);
}

function chapterOf(title: string): string {
  const chapter = page.split(/^## /m).find((each) => each.startsWith(title));
  if (chapter === undefined) throw new Error(`no chapter ${title}`);
  return chapter;
}

/** Status by number, of all rows; a row may have several numbers and ranges of numbers. */
function rowsOf(chapter: string): readonly (readonly [number: string, status: string])[] {
  return [...chapter.matchAll(/^\| (\d[^|]*) \| ([^|]*) \|/gm)].flatMap(([, cell = '', status = '']) =>
    [...cell.matchAll(/(\d+(?:\.\d+)+)(?:–(\d+(?:\.\d+)+))?/g)].flatMap(([, first = '', last = first]) => {
      const section = first.slice(0, first.lastIndexOf('.'));
      const range = `${first.slice(section.length + 1)}-${last.slice(section.length + 1)}`;
      return numbersOf(section, range).map((number) => [number, status] as const);
    }),
  );
}

test('every requirement of levels 1 and 2 of ASVS 5.0.0 is answered, once', () => {
  const expected = Object.entries(ASVS).flatMap(([section, range]) => numbersOf(section, range));
  expect(expected).toHaveLength(253);
  const answered = rowsOf(chapterOf('ASVS 5.0')).map(([number]) => number);
  expect(answered.filter((number, index) => answered.indexOf(number) !== index)).toEqual([]);
  expect(new Set(answered)).toEqual(new Set(expected));
});

test('every section of RFC 9700 and RFC 8725 that demands something is answered', () => {
  const oauth = rowsOf(chapterOf('RFC 9700')).map(([number]) => number);
  for (const section of [...numbersOf('2', '1-6'), ...numbersOf('4', '1-17')])
    expect(oauth.some((number) => number === section || number.startsWith(`${section}.`))).toBe(true);
  expect(rowsOf(chapterOf('RFC 8725')).map(([number]) => number)).toEqual(numbersOf('3', '1-12'));
});

test('an answer is one of those that the page explains', () => {
  const statuses = ['ASVS 5.0', 'RFC 9700', 'RFC 8725'].flatMap((title) => rowsOf(chapterOf(title)));
  expect(statuses.filter(([, status]) => !/^(?:met|partly|yours|n\/a|not met)$/.test(status))).toEqual([]);
});

test.each(['security.md', 'security-requirements.md'])(
  'every attack that %s names by id is listed',
  (file) => {
    const listed = new Set(SECURITY_CASES.flatMap(({ cases }) => cases.map(({ id }) => id)));
    const ids = readFileSync(path.join(DOCS, file), 'utf8').matchAll(/\b[PHTFMJSDOCRUWL](?:\d\d|-\d)\b/g);
    expect([...ids].map(([id]) => id).filter((id) => !listed.has(id))).toEqual([]);
  },
);
