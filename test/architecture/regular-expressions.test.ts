import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Literal, regularExpressionsIn } from '../support/regular-expressions/literals.ts';
import { superLinear } from '../support/regular-expressions/running-time.ts';

const SRC = path.resolve(import.meta.dirname, '../../src');

/** Those that are put together, and so stand in no literal. */
const BUILT = ['http/host.ts', 'upstream/wire/chunk-reader.ts'];

/** Those that could take long, and never get a text that makes them. */
const HARMLESS: Readonly<Record<string, string>> = {
  'authentication/strict-json.ts: /"(?:[^"\\\\]+|\\\\.)*"|[{}[\\],]/g':
    'behind JSON.parse every string has an end',
  'config/found.ts: /:[^@]*@/': 'a text of the operator',
  'config/found.ts: /:\\/\\/[^?#]*[?#]/': 'a text of the operator',
  'session-endpoints/intercepted-key.ts: /^ApiKey +(.+)$/i':
    'the value of a field has no line end, so that the rest never fails',
  'telemetry/redaction.ts: /[\\w.-]{20,}|\\b(Bearer|Basic|ApiKey|DPoP) +[\\w.~+/=-]{8,}/gi':
    'twenty of these letters are a match already; the judge cannot see that nothing behind them can refuse it',
  'token-service/metadata.ts: /\\/+$/': 'a text of the operator',
};

/** What makes a regular expression while a module is loaded. */
async function builtIn(file: string): Promise<readonly Literal[]> {
  const built: Literal[] = [];
  const real = globalThis.RegExp;
  globalThis.RegExp = new Proxy(real, {
    construct(target, [source, flags = '']: [string, string?]) {
      built.push({ source, flags });
      return new target(source, flags);
    },
  });
  try {
    await import(path.join(SRC, file));
  } finally {
    globalThis.RegExp = real;
  }
  return built;
}

const files = globSync('**/*.ts', { cwd: SRC });
const literals = files.flatMap((file) =>
  regularExpressionsIn(readFileSync(path.join(SRC, file), 'utf8')).map((literal) => ({ file, ...literal })),
);

describe('regular expressions', () => {
  it('are found by this test', () => {
    expect(literals.length).toBeGreaterThan(100);
    for (const { source, flags } of literals) expect(() => new RegExp(source, flags)).not.toThrow();
  });

  it('are put together in no other file than those that are known', () => {
    const building = files.filter((file) =>
      readFileSync(path.join(SRC, file), 'utf8').includes('new RegExp('),
    );
    expect(building.toSorted()).toEqual(BUILT);
  });

  it.each([
    ['^(a+)+$', 'a loop of what loops already'],
    ['^(a|a)*$', 'one loop that reads the same in two ways'],
    ['^(?:a|ab|b)*$', 'one loop that reads the same in two ways'],
    ['^a*a*$', 'two loops that can share what they read'],
    ['^\\s*(\\w+\\s*)*:', 'a loop of what loops already'],
    ['"(?:[^"\\\\]|\\\\.)*"', 'two loops that can share what they read'],
    ['^[a-z]+[0-9]*[a-f0-9]+$', 'two loops that can share what they read'],
    [':[^@]*@', 'two loops that can share what they read'],
    ['[\\t ]+$', 'two loops that can share what they read'],
    ['^(?:(?=.*x)a)*$', 'a look-around with a loop, within a loop'],
  ])('%s would be refused: %s', (source, fault) => {
    expect(superLinear(source, '')).toBe(fault);
  });

  it.each([
    '^a+$',
    '^a+(?:,a+)*$',
    'a+',
    '^[a-z][a-z0-9-]{0,62}$',
    '^(?!.*, )[!-~](?:[ -~]*[!-~])?$',
    '\\s+',
    '^(?:[^%]|%[0-9a-f]{2})*$',
  ])('%s is let pass', (source) => {
    expect(superLinear(source, '')).toBeUndefined();
  });

  it('take time in proportion to the text, whatever it is', async () => {
    const built: { readonly file: string; readonly all: readonly Literal[] }[] = [];
    for (const file of BUILT) built.push({ file, all: await builtIn(file) });
    const all = [...literals, ...built.flatMap(({ file, all }) => all.map((each) => ({ file, ...each })))];
    expect(built.every(({ all }) => all.length > 0)).toBe(true);
    const slow = all.flatMap(({ file, source, flags }) => {
      const fault = superLinear(source, flags);
      const name = `${file}: /${source}/${flags}`;
      return fault === undefined ? [] : [name];
    });
    expect(slow.toSorted()).toEqual(Object.keys(HARMLESS).toSorted());
  });
});
