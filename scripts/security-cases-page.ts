import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { SECURITY_CASES } from './security-cases.ts';

const root = path.resolve(import.meta.dirname, '..');

/** A text in quotes that begins with one id or several: the title of a test or group, or what a table puts there. */
const TITLE = /['"`]((?:[A-Z](?:\d\d|-\d)(?:, | to )?)+)[ :]/g;
const ID = /[A-Z](?:\d\d|-\d)/g;

/** Test files, relative to test/, by the ids that titles in them begin with; sorted. */
export function testsById(): ReadonlyMap<string, readonly string[]> {
  const byId = new Map<string, Set<string>>();
  for (const file of globSync('**/*.test.ts', { cwd: path.join(root, 'test') }).sort()) {
    const text = readFileSync(path.join(root, 'test', file), 'utf8');
    for (const [, ids = ''] of text.matchAll(TITLE))
      for (const [id] of ids.matchAll(ID)) byId.set(id, (byId.get(id) ?? new Set()).add(file));
  }
  return new Map([...byId].map(([id, files]) => [id, [...files]]));
}

const INTRODUCTION = `# Attacks, and the tests that hold them off

<!-- Generated from scripts/security-cases.ts and the titles of tests by \`npm run docs\`. Do not edit. -->

Each attack has an id, and each test that makes it has that id in its title: \`npx vitest run -t P03\` runs those of one. A test looks at four things: what the
client was told, the exact bytes that the upstream got (most often none), the audit record, and that the process goes on. What is defended and what is not:
[Security](security.md). Files are relative to \`test/\`.
`;

export function securityCasesPage(): string {
  const tests = testsById();
  const sections = SECURITY_CASES.map(({ title, cases }) => {
    const rows = cases.map(({ id, attack, waitsFor }) => {
      const files = (tests.get(id) ?? []).map(linkTo).join(', ');
      return `| ${id} | ${attack} | ${waitsFor === undefined ? files : `waits: ${waitsFor}`} |`;
    });
    return ['', `## ${title}`, '', '| id | attack | tests |', '|---|---|---|', ...rows].join('\n');
  });
  return `${[INTRODUCTION.trimEnd(), ...sections].join('\n')}\n`;
}

function linkTo(file: string): string {
  return `[${file.replace(/\.test\.ts$/, '')}](../test/${file})`;
}
