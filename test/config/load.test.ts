import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-config-'));
  file = path.join(folder, 'gatehouse.yaml');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const SOUND = `upstreams: { orders: { targets: ["http://orders:8080"], credentials: { basic: { username: u, password: "\${env:PASSWORD}" } } } }
apiKeys: { pepper: "\${file:pepper.txt}" }
routes: [{ id: a, match: { path: /a }, accept: [apiKey], upstream: orders }]
`;

function load(password: string, pepper: string, text = SOUND): LoadResult {
  writeFileSync(file, text);
  writeFileSync(path.join(folder, 'pepper.txt'), pepper);
  return loadConfig(file, { env: { PASSWORD: password, UNUSED: String(Math.random()) } });
}

function revisionOf(result: LoadResult): string {
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.revision;
}

describe('the revision', () => {
  const pepper = 'p'.repeat(32);

  test('is the same for the same text and references, wherever the file is', () => {
    const first = revisionOf(load('secret', pepper));
    expect(first).toMatch(/^[0-9a-f]{12}$/);
    expect(revisionOf(load('secret', pepper))).toBe(first);
    const elsewhere = mkdtempSync(path.join(tmpdir(), 'gatehouse-config-'));
    writeFileSync(path.join(elsewhere, 'gatehouse.yaml'), SOUND);
    writeFileSync(path.join(elsewhere, 'pepper.txt'), pepper);
    const moved = loadConfig(path.join(elsewhere, 'gatehouse.yaml'), { env: { PASSWORD: 'secret' } });
    rmSync(elsewhere, { recursive: true });
    expect(revisionOf(moved)).toBe(first);
  });

  test('changes with the text, with a variable and with a referenced file', () => {
    const revisions = [
      load('secret', pepper),
      load('secret', pepper, `${SOUND}# changed\n`),
      load('other', pepper),
      load('secret', `${pepper}p`),
    ].map(revisionOf);
    expect(new Set(revisions).size).toBe(4);
  });
});

describe('the files to watch', () => {
  test('include those that are missing, so that their arrival is noticed', () => {
    writeFileSync(file, SOUND);
    const result = loadConfig(file, { env: { PASSWORD: 'secret' } });
    expect(result.ok).toBe(false);
    expect(result.files).toEqual([file, path.join(folder, 'pepper.txt')]);
  });
});

describe('a file that is no configuration at all is one problem, not a crash', () => {
  test.each([
    ['not UTF-8', Buffer.from([0x61, 0xff, 0xfe])],
    ['thousands of brackets', Buffer.from('['.repeat(100_000))],
    ['deep and closed', Buffer.from(`a: ${'['.repeat(20_000)}${']'.repeat(20_000)}`)],
    ['an alias bomb', Buffer.from(aliasBomb())],
    ['an alias of itself', Buffer.from('upstreams: &a { orders: *a }\n')],
    ['too large', Buffer.alloc(4 * 1024 * 1024 + 1, '#')],
    ['a byte order mark alone', Buffer.from('\uFEFF')],
  ])('%s', (_, bytes) => {
    writeFileSync(file, bytes);
    const result = loadConfig(file, { env: {} });
    expect(result.ok).toBe(false);
    expect(result.ok ? 0 : result.problems.length).toBeGreaterThan(0);
  });
});

function aliasBomb(): string {
  const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 10; level += 1) {
    const uses = Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ');
    lines.push(`a${level}: &a${level} [${uses}]`);
  }
  return lines.join('\n');
}

test('keys that exist on every object are unknown keys like others', () => {
  writeFileSync(file, `${SOUND.replace('PASSWORD', 'PATH')}constructor: {}\ntoString: 1\n`);
  writeFileSync(path.join(folder, 'pepper.txt'), 'p'.repeat(32));
  const result = loadConfig(file, { env: { PATH: 'x' } });
  expect(result.ok ? [] : result.problems.map((problem) => problem.found)).toEqual([
    'unknown key "constructor"',
    'unknown key "toString"',
  ]);
});
