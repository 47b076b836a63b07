import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../../src/base/outage.ts';
import type { Change } from '../../../src/stores/change-feed.ts';
import { createDatabase, type Database } from '../../../src/stores/embedded/database.ts';
import { tenantId } from '../../contract/fixtures.ts';

const CHANGE: Change = { kind: 'tenantChanged', id: tenantId('acme') };

let connection: DatabaseSync;
let database: Database;
let insert: StatementSync;
let published: Change[];

beforeEach(() => {
  connection = new DatabaseSync(':memory:');
  connection.exec('CREATE TABLE fruit (name TEXT NOT NULL UNIQUE) STRICT');
  published = [];
  database = createDatabase(connection, (changes) => published.push(...changes));
  insert = database.prepare('INSERT INTO fruit VALUES (?)');
  return () => database.close();
});

function names(): unknown[] {
  return connection
    .prepare('SELECT name FROM fruit ORDER BY name')
    .all()
    .map((row) => row['name']);
}

describe('writes', () => {
  it('a step that fails is undone whole and announces nothing; its neighbours are unharmed', async () => {
    const outcomes = await Promise.allSettled([
      database.write(() => insert.run('apple')),
      database.write((announce) => {
        insert.run('banana');
        announce(CHANGE);
        insert.run('apple');
      }),
      database.write((announce) => {
        announce(CHANGE);
        insert.run('cherry');
      }),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: expect.any(StoreUnavailable) as unknown });
    expect(names()).toEqual(['apple', 'cherry']);
    expect(published).toEqual([CHANGE]);
  });

  it('a defect of the caller is not dressed up as an outage', async () => {
    const defect = new TypeError('a defect');
    const failing = database.write(() => {
      throw defect;
    });
    await expect(failing).rejects.toBe(defect);
    const reading = database.read(() => {
      throw defect;
    });
    await expect(reading).rejects.toBe(defect);
  });

  it('a full disk is an outage for the write that found no room, and nothing of it stays', async () => {
    await database.write(() => insert.run('apple'));
    const pages = Number(connection.prepare('PRAGMA page_count').get()?.['page_count']);
    connection.exec(`PRAGMA max_page_count = ${pages}`);
    const large = 'x'.repeat(1_000_000);
    const writeLarge = (): Promise<unknown> =>
      database.write((announce) => {
        announce(CHANGE);
        insert.run('banana');
        insert.run(large);
      });
    await expect(writeLarge()).rejects.toThrow(
      new StoreUnavailable('The embedded store failed: its disk or its allowed size is full.'),
    );
    expect(names()).toEqual(['apple']);
    expect(published).toEqual([]);

    connection.exec('PRAGMA max_page_count = 100000');
    await writeLarge();
    expect(names()).toEqual(['apple', 'banana', large]);
    expect(published).toEqual([CHANGE]);
  });

  it('a transaction that SQLite gave up takes all its steps along', async () => {
    const outcomes = await Promise.allSettled([
      database.write((announce) => {
        announce(CHANGE);
        insert.run('apple');
      }),
      database.write(() => connection.exec("INSERT OR ROLLBACK INTO fruit VALUES ('apple')")),
      database.write(() => insert.run('cherry')),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(names()).toEqual([]);
    expect(published).toEqual([]);
    await database.write(() => insert.run('apple'));
    expect(names()).toEqual(['apple']);
  });

  it('messages name no stored value', async () => {
    await database.write(() => insert.run('s3cr3t'));
    const clash = database.write(() => insert.run('s3cr3t'));
    await expect(clash).rejects.toThrow(
      new StoreUnavailable('The embedded store failed: constraint failed (SQLite 2067).'),
    );
    const reason: unknown = await clash.catch((error: unknown) => error);
    expect(String((reason as Error).cause)).not.toContain('s3cr3t');
  });
});
