import { hash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { blocksOf, linkedFiles, pages, root } from './markdown.ts';

describe('links lead to files that are there', () => {
  test.each(pages().filter((page) => linkedFiles(page).length > 0))('%s', (page) => {
    const missing = linkedFiles(page).filter(
      (target) => !existsSync(path.join(root, path.dirname(page), target)),
    );
    expect(missing).toEqual([]);
  });
});

type Members = Readonly<Record<string, unknown>>;

/** What a fragment leaves out. */
const REST: Members = {
  publicUrl: 'https://api.example.com',
  tenants: { acme: {} },
  upstreams: {
    orders: { targets: ['http://orders:8080'] },
    legacy: { targets: ['http://localhost:3000'] },
  },
  routes: [{ id: 'all', match: { path: '/**' }, accept: ['apiKey'], upstream: 'orders' }],
};

function complete(fragment: Members): Members {
  const isOfUpstream = 'identity' in fragment || 'credentials' in fragment;
  if (!isOfUpstream) return { ...REST, ...fragment };
  return { ...REST, upstreams: { orders: { targets: ['http://orders:8080'], ...fragment } } };
}

/** Every variable is set, to a value that any secret may have. */
const env: Readonly<Record<string, string>> = new Proxy(
  {},
  { get: (_, name) => hash('sha256', String(name)) },
);

describe('configurations in the text, whole ones and fragments, load without a problem', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-docs-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const examples = pages().flatMap((page) =>
    blocksOf(page)
      .filter(({ language }) => language === 'yaml')
      .map(({ text }, index) => ({ name: `${page}, block ${index + 1}`, text })),
  );

  test.each(examples)('$name', ({ text }) => {
    const file = path.join(folder, 'gatehouse.yaml');
    writeFileSync(file, stringify(complete(parse(text) as Members)));
    const loaded = loadConfig(file, { env });
    expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([]);
  });
});
