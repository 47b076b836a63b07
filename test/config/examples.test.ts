import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem, formatWarning } from '../../src/config/problem.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Configurations among the files that we ship: they have upstreams and routes at their top. */
function examples(): readonly string[] {
  return ['docs/examples', 'deploy', 'demo'].flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.ya?ml$/.test(name) && !name.includes('node_modules'))
      .map((name) => path.join(folder, name))
      .filter((name) => /^routes:/m.test(readFileSync(path.join(root, name), 'utf8'))),
  );
}

/** Every variable is set, to a value that any secret may have: 64 hex digits. */
const env: Readonly<Record<string, string>> = new Proxy(
  {},
  { get: (_, name) => Buffer.from(String(name)).toString('hex').padEnd(64, '0').slice(0, 64) },
);

test.each(examples())('%s loads without a problem or warning', (name) => {
  const result = loadConfig(path.join(root, name), { env });
  expect(result.ok ? result.warnings.map(formatWarning) : result.problems.map(formatProblem)).toEqual([]);
});

test('the examples that the documentation names are there', () => {
  expect(examples()).toEqual(
    expect.arrayContaining([
      'docs/examples/minimal.yaml',
      'docs/examples/full.yaml',
      'deploy/gatehouse.yaml',
      'demo/gatehouse.yaml',
    ]),
  );
});
