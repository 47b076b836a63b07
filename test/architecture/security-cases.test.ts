import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SECURITY_CASES } from '../../scripts/security-cases.ts';
import { testsById } from '../../scripts/security-cases-page.ts';

const cases = SECURITY_CASES.flatMap((section) => section.cases);
const known = cases.map(({ id }) => id);
const tests = testsById();

/** Where the attacks come from; not part of the repository. */
const SOURCE = new URL('../../../shared/SECURITY-CASES.md', import.meta.url);

test('each attack is listed once', () => {
  expect(known.filter((id, index) => known.indexOf(id) !== index)).toEqual([]);
});

test('each attack that is listed is made by a test, unless it is said to wait', () => {
  const tested = cases.filter(({ waitsFor }) => waitsFor === undefined).map(({ id }) => id);
  expect(tested.filter((id) => !tests.has(id))).toEqual([]);
});

test('what waits has no test yet: a test ends the wait', () => {
  const waiting = cases.filter(({ waitsFor }) => waitsFor !== undefined).map(({ id }) => id);
  expect(waiting.filter((id) => tests.has(id))).toEqual([]);
});

test('each id in the title of a test is that of a listed attack', () => {
  expect([...tests.keys()].filter((id) => !known.includes(id))).toEqual([]);
});

test.skipIf(!existsSync(SOURCE))(
  'each attack of shared/SECURITY-CASES.md is tested or waits (skipped where that file is not beside the repository)',
  () => {
    const rows = readFileSync(SOURCE, 'utf8').matchAll(/^\| ([A-Z](?:\d\d|-\d)) \|/gm);
    expect(new Set([...rows].map(([, id]) => id))).toEqual(new Set(known));
  },
);
