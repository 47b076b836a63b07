import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable } from '../../../src/base/outage.ts';
import { migrate } from '../../../src/stores/embedded/schema.ts';

const FIRST = 'CREATE TABLE fruit (name TEXT)';
const SECOND = "ALTER TABLE fruit ADD COLUMN colour TEXT; UPDATE fruit SET colour = 'green'";

let connection: DatabaseSync;

beforeEach(() => {
  connection = new DatabaseSync(':memory:');
});

afterEach(() => {
  connection.close();
});

function readVersion(): unknown {
  return connection.prepare('PRAGMA user_version').get()?.['user_version'];
}

describe('migrations', () => {
  it('lead from any older version to the newest, and keep the data', () => {
    migrate(connection, 'store.db', [FIRST]);
    connection.exec("INSERT INTO fruit VALUES ('pear')");
    migrate(connection, 'store.db', [FIRST, SECOND]);
    expect(readVersion()).toBe(2);
    expect({ ...connection.prepare('SELECT * FROM fruit').get() }).toEqual({ name: 'pear', colour: 'green' });
  });

  it('run once: opening the newest version changes nothing', () => {
    for (let run = 0; run < 3; run += 1) migrate(connection, 'store.db', [FIRST, SECOND]);
    expect(readVersion()).toBe(2);
  });

  it('are all or nothing: a failed one leaves the version that was there', () => {
    migrate(connection, 'store.db', [FIRST]);
    expect(() => migrate(connection, 'store.db', [FIRST, SECOND, 'CREATE TABLE fruit (again)'])).toThrow(
      'already exists',
    );
    expect(readVersion()).toBe(1);
    expect(
      connection
        .prepare('SELECT * FROM fruit')
        .columns()
        .map((column) => column.name),
    ).toEqual(['name']);
    expect(connection.isTransaction).toBe(false);
  });

  it('a schema of a newer Gatehouse is refused with what to do about it', () => {
    migrate(connection, 'store.db', [FIRST, SECOND]);
    expect(() => migrate(connection, 'store.db', [FIRST])).toThrow(
      new StoreUnavailable(
        'The store store.db has schema version 2, and this Gatehouse knows versions up to 1: run the newer Gatehouse that wrote it, or restore an older backup.',
      ),
    );
    expect(readVersion()).toBe(2);
  });
});
