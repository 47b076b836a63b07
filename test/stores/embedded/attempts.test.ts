import type { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, it } from 'vitest';
import type { AttemptStore } from '../../../src/limits/attempt-store.ts';
import { createAttemptStore } from '../../../src/stores/embedded/attempts.ts';
import { openConnection } from '../../../src/stores/embedded/connection.ts';
import { createDatabase } from '../../../src/stores/embedded/database.ts';
import { MINUTE, NOW } from '../../contract/fixtures.ts';
import { race } from '../../contract/store-adapter.ts';

const RATE = { count: 10, windowMilliseconds: MINUTE };

let connection: DatabaseSync;
let attempts: AttemptStore;

beforeEach(() => {
  connection = openConnection(':memory:');
  const database = createDatabase(connection, () => undefined);
  attempts = createAttemptStore(database);
  return () => database.close();
});

function rows(): readonly Record<string, unknown>[] {
  return connection.prepare('SELECT * FROM attempts').all();
}

it('buckets that are full again are forgotten, several with each take, those that are not full are kept', async () => {
  await race(100, (index) => attempts.take(`guess ${index}`, RATE, NOW));
  await race(10, () => attempts.take('kept', RATE, NOW));
  expect(rows()).toHaveLength(101);
  await race(24, () => attempts.take('other', RATE, NOW + MINUTE / 10));
  expect(rows()).toHaveLength(101 + 1 - 24 * 4);
  await race(24, () => attempts.take('other', RATE, NOW + MINUTE / 10));
  expect(rows()).toHaveLength(2);
});

it('what somebody typed is not in the table', async () => {
  await attempts.take('login:acme:alice@example.com', RATE, NOW);
  expect(rows()).toHaveLength(1);
  expect(JSON.stringify(rows())).not.toMatch(/acme|alice/);
});
