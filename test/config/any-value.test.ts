import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';

const example = path.resolve(import.meta.dirname, '../../docs/examples/full.yaml');
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const RUNS = 60;

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function placesOf(value: unknown): readonly Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...placesOf(holder[key])]);
}

/** Values that code which expects another type or form could stumble over. */
const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    '{',
    '{}',
    '{tenant}',
    '{tenant}.',
    '/',
    '**',
    'http://[',
    '${',
    'a:b',
    '\u0000',
    'a\u2028b',
    '0s',
    -1,
  ),
  fc.webUrl({ withFragments: true, withQueryParameters: true }),
);

/** A configuration that is the example but for one value, anywhere in it. */
const almostExample = fc
  .tuple(fc.nat({ max: placesOf(parse(readFileSync(example, 'utf8'))).length - 1 }), odd)
  .map(([index, value]) => {
    const config: unknown = parse(readFileSync(example, 'utf8'));
    const place = placesOf(config)[index];
    if (place !== undefined) place.holder[place.key] = value;
    return JSON.stringify(config);
  });

/** With it the example is sound, so that the checks across entries run as well. */
const fullEnv = new Proxy<Record<string, string>>(
  {},
  { get: (_, name) => Buffer.from(String(name)).toString('hex').padEnd(64, '0').slice(0, 64) },
);

test.each([
  ['all variables', fullEnv],
  ['no variables', {}],
])(
  'any value in any place, with %s: accepted, or refused in lines of their own; never thrown over',
  (_, env) => {
    const file = path.join(folder, 'gatehouse.yaml');
    fc.assert(
      fc.property(almostExample, (text) => {
        writeFileSync(file, text);
        const result = loadConfig(file, { env });
        if (result.ok) return;
        expect(result.problems.length).toBeGreaterThan(0);
        for (const problem of result.problems)
          expect(formatProblem(problem)).toMatch(/^[^\p{Cc}\p{Zl}]+: found [^\p{Cc}\p{Zl}]+$/u);
      }),
      { numRuns: RUNS },
    );
  },
);
