import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

const examples = globSync(path.resolve(import.meta.dirname, '../../docs/examples/*.yaml'));
const SECRET = 'pl41n-s3cret-in-the-file-0123456789abcdef';
/** In place of every reference, so that the text itself holds secrets. */
const texts: readonly string[] = examples.map((file) =>
  readFileSync(file, 'utf8').replaceAll(/\$\{env:[^}]*\}/g, SECRET),
);

const originalLines = new Set(texts.flatMap((text) => text.split('\n')));

/** Who runs a secret into the value of something else has made it a part of that. */
function keepsSecretLines(text: string): boolean {
  return text.split('\n').every((line) => !line.includes(SECRET) || originalLines.has(line));
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-mutations-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const piece = fc.constantFrom(
  '\n',
  ' ',
  '  ',
  '\t',
  ':',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '#',
  '&a ',
  '*a',
  '!!js ',
  '|',
  '>',
  '---\n',
  '...\n',
  '<<: ',
  '? ',
  '\0',
  '\ufeff',
  '\u2028',
  '%YAML 1.1\n',
  '__proto__: ',
  '1e999',
  '~',
  '\\',
  '${env:',
  '}',
  'é',
  '\r',
);
/** Cuts, doubles, inserts and moves anywhere in the text. */
const change = fc.tuple(
  fc.constantFrom('insert', 'cut', 'double', 'replace'),
  fc.nat(),
  fc.nat({ max: 40 }),
  piece,
);
const mutated = fc
  .tuple(fc.constantFrom(...texts), fc.array(change, { minLength: 1, maxLength: 4 }))
  .map(([text, changes]) => changes.reduce(mutate, text));

function mutate(
  text: string,
  [how, place, length, inserted]: readonly [string, number, number, string],
): string {
  const at = place % (text.length + 1);
  const [before, after] = [text.slice(0, at), text.slice(at)];
  if (how === 'insert') return before + inserted + after;
  if (how === 'cut') return before + after.slice(length);
  return how === 'double' ? before + after.slice(0, length) + after : before + inserted + after.slice(1);
}

it('a configuration that was changed anywhere loads, or is refused with a place for each problem; it throws nothing and shows no secret', {
  timeout: 60_000,
}, () => {
  const file = path.join(folder, 'gatehouse.yaml');
  let refused = 0;
  fc.assert(
    fc.property(mutated, (text) => {
      writeFileSync(file, text);
      const result = loadConfig(file, { env: {} });
      expect(Object.keys(Object.prototype)).toEqual([]);
      if (result.ok) return;
      refused += 1;
      const isKept = keepsSecretLines(text);
      const lines = text.split('\n').length;
      expect(result.problems.length).toBeGreaterThan(0);
      for (const problem of result.problems) {
        expect(problem.line).toBeGreaterThanOrEqual(1);
        expect(problem.line).toBeLessThanOrEqual(lines + 1);
        expect(problem.column).toBeGreaterThanOrEqual(1);
        if (isKept) expect(formatProblem(problem)).not.toContain(SECRET);
      }
    }),
    { numRuns: 40 },
  );
  expect(refused).toBeGreaterThan(10);
});
