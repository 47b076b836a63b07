import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { goldenEnv } from './golden-env.ts';

const folder = path.join(import.meta.dirname, 'rejected');
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .sort();

/** As the command shows them, with the file named as the golden file is. */
function messagesOf(name: string): string {
  const result = loadConfig(path.join(folder, name), { env: goldenEnv });
  if (result.ok) return '(accepted)\n';
  return result.problems.map((problem) => `${formatProblem({ ...problem, file: name })}\n`).join('');
}

describe('a file with problems is refused with exactly the messages beside it', () => {
  test.each(names)('%s', (name) => {
    const expected = readFileSync(path.join(folder, name.replace(/\.yaml$/, '.problems.txt')), 'utf8');
    expect(messagesOf(name)).toBe(expected);
  });
});

test('every message has a place, what was found, and what was expected or meant', () => {
  const lines = names.flatMap((name) => messagesOf(name).trimEnd().split('\n'));
  expect(lines.length).toBeGreaterThan(100);
  for (const line of lines)
    expect(line).toMatch(/^[\w.-]+\.yaml:\d+:\d+ \S+( \S+)?: found .+, (expected .+|did you mean ".+"\?)$/);
});

test('no message holds a secret of the file, of the environment or of a referenced file', () => {
  const messages = names.map(messagesOf).join('');
  expect(messages).toContain('[secret]');
  expect(messages).not.toContain('hunter2');
});

test('a file that cannot be read is one problem of the whole', () => {
  const missing = path.join(folder, 'no-such-file.yaml');
  const result = loadConfig(missing, { env: {} });
  expect(result.ok ? [] : result.problems.map(formatProblem)).toEqual([
    `${missing}:1:1 (document): found no such file, expected a readable YAML file`,
  ]);
});
