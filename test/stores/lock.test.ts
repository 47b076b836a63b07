import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { StoreUnavailable } from '../../src/base/outage.ts';
import { openEmbeddedStore } from '../../src/stores/embedded/embedded-store.ts';
import type { Stores } from '../../src/stores/stores.ts';
import { anApiKey, apiKeyId, NOW } from '../contract/fixtures.ts';

/** Bytes of a page. */
const PAGE = 4096;
const OPENER = path.join(import.meta.dirname, 'opener.ts');
const IN_USE = 'is in use by another process: an embedded store serves one process at a time.';

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-lock-'));
  file = path.join(folder, 'gatehouse.db');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function open(place = file): Stores {
  return openEmbeddedStore({ path: place, clock: systemClock });
}

/** What another process says that opens the file, and is gone when this returns. */
function openElsewhere(): string {
  const child = spawnSync(process.execPath, [OPENER, file], { encoding: 'utf8' });
  return child.stdout.trim();
}

function readMode(place: string): string {
  return (statSync(place).mode & 0o777).toString(8);
}

describe('one process per file', () => {
  it('a second process is told so in one sentence, and the first goes on', async () => {
    const stores = open();
    expect(openElsewhere()).toBe(`StoreUnavailable: The store ${file} ${IN_USE}`);
    expect(await stores.apiKeys.create(anApiKey('key'))).toBe('created');
    await stores.close();
    expect(openElsewhere()).toBe('opened');
  });

  it('a second opener in the same process is refused too, and does not loosen the lock', async () => {
    const stores = open();
    expect(() => open()).toThrow(IN_USE);
    expect(openElsewhere()).toContain(IN_USE);
    await stores.close();
    const reopened = open();
    await reopened.close();
  });

  it('a process that was killed leaves no lock behind', async () => {
    const child = spawnSync(process.execPath, [OPENER, file, 'kill'], { encoding: 'utf8' });
    expect(child.signal).toBe('SIGKILL');
    const stores = open();
    expect(await stores.apiKeys.findById(apiKeyId('from-opener'))).toBeDefined();
    await stores.close();
  });
});

describe('opening a file', () => {
  it('makes the folder and the file, both for this user alone, and the log likewise', async () => {
    const nested = path.join(folder, 'a', 'b', 'gatehouse.db');
    const stores = open(nested);
    await stores.apiKeys.create(anApiKey('key'));
    expect(readMode(nested)).toBe('600');
    expect(readMode(`${nested}-wal`)).toBe('600');
    expect(readMode(path.dirname(nested))).toBe('700');
    await stores.close();
  });

  it('takes away what others may do with a file that is there', async () => {
    const stores = open();
    await stores.close();
    chmodSync(file, 0o644);
    const reopened = open();
    expect(readMode(file)).toBe('600');
    await reopened.close();
  });

  it('leaves one file when it was closed properly', async () => {
    const stores = open();
    await stores.apiKeys.create(anApiKey('key'));
    await stores.close();
    expect([existsSync(file), existsSync(`${file}-wal`), existsSync(`${file}-shm`)]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it.each<[string, () => void, string]>([
    [
      'text instead of a database',
      () => writeFileSync(file, 'not a database\n'.repeat(100)),
      'is damaged or not an SQLite database (file is not a database (SQLite 26)): restore it from a backup.',
    ],
    ['a folder', () => mkdirSync(file), 'cannot be opened: unable to open database file (SQLite 14).'],
    [
      'the database of another program',
      () => {
        const other = new DatabaseSync(file);
        other.exec('CREATE TABLE notes (text)');
        other.close();
      },
      'is a database of another program; choose another path.',
    ],
  ])('%s is refused with a sentence', (_, prepare, sentence) => {
    prepare();
    expect(() => open()).toThrow(new StoreUnavailable(`The store ${file} ${sentence}`));
  });

  it('a folder that cannot be made is refused with a sentence', () => {
    writeFileSync(file, '');
    const below = path.join(file, 'gatehouse.db');
    expect(() => open(below)).toThrow(
      new StoreUnavailable(
        `The store ${below} cannot be opened (EEXIST): its folder and file must be writable for this user.`,
      ),
    );
  });

  it('pages that were overwritten behind a healthy header are an outage, never "no such key"', async () => {
    const stores = open();
    await stores.apiKeys.create(anApiKey('key'));
    await stores.close();
    overwriteTables(file);
    const damaged = open();
    const damage = new StoreUnavailable(
      'The embedded store failed: database disk image is malformed (SQLite 11).',
    );
    await expect(damaged.apiKeys.findById(apiKeyId('key'))).rejects.toThrow(damage);
    await expect(damaged.apiKeys.create(anApiKey('other'))).rejects.toThrow(damage);
    await expect(damaged.revocations.list(NOW)).rejects.toThrow(damage);
    await damaged.close();
  });
});

/** Destroys every page that is the root of a table or index of ours; the schema stays as it is. */
function overwriteTables(file: string): void {
  const database = new DatabaseSync(file);
  const roots = database.prepare('SELECT rootpage FROM sqlite_schema WHERE rootpage > 1').all();
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  const bytes = readFileSync(file);
  for (const { rootpage } of roots) bytes.fill(0xa5, (Number(rootpage) - 1) * PAGE, Number(rootpage) * PAGE);
  writeFileSync(file, bytes);
}
