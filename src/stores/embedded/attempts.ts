import { createHash } from 'node:crypto';
import { escapeKeyPart } from '../../base/key-part.ts';
import type { AttemptRate, AttemptStore } from '../../limits/attempt-store.ts';
import {
  checkAttemptRate,
  fullAt,
  giveBackAttempt,
  type LeakyBucket,
  takeAttempt,
} from '../../limits/leaky-bucket.ts';
import { writeTime } from './columns.ts';
import type { Database } from './database.ts';

/** Full buckets that each take sweeps away. More than one, so that the table shrinks under any load. */
const SWEEP = 4;

export function createAttemptStore(database: Database): AttemptStore {
  const select = database.prepare('SELECT used, at FROM attempts WHERE bucket = ?');
  const upsert = database.prepare(
    'INSERT OR REPLACE INTO attempts (bucket, used, at, full_at) VALUES (:bucket, :used, :at, :fullAt)',
  );
  const sweep = database.prepare(`
    DELETE FROM attempts WHERE bucket IN (
      SELECT bucket FROM attempts WHERE full_at <= ? ORDER BY full_at LIMIT ${SWEEP}
    )`);

  function find(name: string): LeakyBucket | undefined {
    return select.get(name) as LeakyBucket | undefined;
  }

  function save(name: string, bucket: LeakyBucket, rate: AttemptRate): void {
    upsert.run({ bucket: name, ...bucket, fullAt: fullAt(bucket, rate) });
  }

  return {
    take: (key, rate, now) =>
      database.write(() => {
        checkAttemptRate(rate);
        sweep.run(writeTime(now));
        const name = nameOf(key);
        const { outcome, bucket } = takeAttempt(find(name), rate, now);
        if (bucket !== undefined) save(name, bucket, rate);
        return outcome;
      }),

    giveBack: (key, rate, now) =>
      database.write(() => {
        checkAttemptRate(rate);
        writeTime(now);
        const name = nameOf(key);
        const bucket = find(name);
        if (bucket !== undefined) save(name, giveBackAttempt(bucket, rate, now), rate);
      }),
  };
}

/** Hashed, since a key may hold what somebody typed as a user name, of any length. */
function nameOf(key: string): string {
  return createHash('sha256').update(escapeKeyPart(key)).digest('base64url');
}
