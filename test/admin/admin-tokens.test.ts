import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdminTokens, loadOrCreateAdminToken } from '../../src/admin/admin-tokens.ts';
import { Secret } from '../../src/base/secret.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-token-'));
  file = path.join(folder, 'data', 'admin-token');
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the first token is made once, in a file for its owner alone, and cannot print', async () => {
  const first = await loadOrCreateAdminToken(file);
  expect(first.token.reveal()).toMatch(/^gho_[0-9A-Za-z]{43}$/);
  expect(readFileSync(file, 'utf8')).toBe(`${first.token.reveal()}\n`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(inspect(first) + JSON.stringify(first)).not.toContain(first.token.reveal());
  expect((await loadOrCreateAdminToken(file)).token.reveal()).toBe(first.token.reveal());
});

test('ten starts at once agree on one token', async () => {
  const tokens = await Promise.all(Array.from({ length: 10 }, () => loadOrCreateAdminToken(file)));
  expect(new Set(tokens.map(({ token }) => token.reveal())).size).toBe(1);
});

test('a file that others may read is refused by name and mode', async () => {
  await loadOrCreateAdminToken(file);
  chmodSync(file, 0o644);
  await expect(loadOrCreateAdminToken(file)).rejects.toThrow(`The file ${file} has mode 0644`);
});

test('a file that holds something else is refused without repeating it', async () => {
  await loadOrCreateAdminToken(file);
  writeFileSync(file, 'hunter2\n');
  await expect(loadOrCreateAdminToken(file)).rejects.toThrow(/does not hold an admin token/);
  await expect(loadOrCreateAdminToken(file)).rejects.not.toThrow(/hunter2/);
});

test('a token is known by its whole text alone', () => {
  const tokens = createAdminTokens([
    { name: 'alice', token: new Secret('a'.repeat(24)), role: 'viewer' },
    { name: 'bob', token: new Secret('b'.repeat(24)), role: 'admin' },
  ]);
  expect(tokens.find('a'.repeat(24))).toEqual({ name: 'alice', role: 'viewer' });
  expect(tokens.find('b'.repeat(24))).toEqual({ name: 'bob', role: 'admin' });
  for (const wrong of ['', 'a'.repeat(23), 'a'.repeat(25), 'A'.repeat(24)])
    expect(tokens.find(wrong)).toBeUndefined();
  expect(createAdminTokens([]).find('')).toBeUndefined();
});
