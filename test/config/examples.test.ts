import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
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

/** Secrets that are mounted as files where it runs come from the environment here. */
function withoutMounts(name: string, folder: string): string {
  const file = path.join(root, name);
  const text = readFileSync(file, 'utf8');
  const written = text.replace(
    /\$\{file:\/run\/secrets\/([^}]+)\}/g,
    (_, secret: string) => `\${env:${secret.replace(/\W/g, '_')}}`,
  );
  if (written === text) return file;
  const copy = path.join(folder, path.basename(name));
  writeFileSync(copy, written);
  return copy;
}

test.each(examples())('%s loads without a problem or warning', (name) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-example-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const result = loadConfig(withoutMounts(name, folder), { env });
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
