import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadOrCreateLocalEncryptionKey } from '../../src/keys/local-encryption-key.ts';

let folder: string;
let store: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'gatehouse-key-'));
  store = path.join(folder, 'data', 'gatehouse.db');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('the local encryption key', () => {
  it('is made once, for the owner alone, and found again', async () => {
    const made = await loadOrCreateLocalEncryptionKey(store);
    const found = await loadOrCreateLocalEncryptionKey(store);
    expect(found.id).toBe(made.id);
    expect(found.key.export()).toEqual(made.key.export());
    expect((await stat(`${store}.key`)).mode & 0o777).toBe(0o600);
    expect(await readdir(path.dirname(store))).toEqual(['gatehouse.db.key']);
  });

  it('is one key for all who start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateLocalEncryptionKey(store)));
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1);
    expect(await readdir(path.dirname(store))).toEqual(['gatehouse.db.key']);
  });

  it('is refused once others could have read it, and left as it is', async () => {
    const { key } = await loadOrCreateLocalEncryptionKey(store);
    for (const mode of [0o640, 0o604, 0o620, 0o666]) {
      await chmod(`${store}.key`, mode);
      const failure = await loadOrCreateLocalEncryptionKey(store).catch(String);
      expect(failure).toContain(`${store}.key has mode 0${mode.toString(8)}`);
      expect(failure).toContain('chmod it to 0600');
      expect((await stat(`${store}.key`)).mode & 0o777).toBe(mode);
    }
    await chmod(`${store}.key`, 0o600);
    expect((await loadOrCreateLocalEncryptionKey(store)).key.export()).toEqual(key.export());
  });

  it('is not replaced when its file is damaged, and the message does not quote it', async () => {
    await loadOrCreateLocalEncryptionKey(store);
    const text = await readFile(`${store}.key`, 'utf8');
    await writeFile(`${store}.key`, text.slice(0, 40));
    const failure = await loadOrCreateLocalEncryptionKey(store).catch(String);
    expect(failure).toContain('does not hold 64 hex digits');
    expect(failure).not.toContain(text.slice(0, 8));
    expect(await readFile(`${store}.key`, 'utf8')).toBe(text.slice(0, 40));
  });

  it('dies with the process for a store in memory', async () => {
    const [one, other] = [
      await loadOrCreateLocalEncryptionKey(':memory:'),
      await loadOrCreateLocalEncryptionKey(':memory:'),
    ];
    expect(one.id).not.toBe(other.id);
    expect(await readdir(folder)).toEqual([]);
  });
});
