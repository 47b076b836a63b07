import { escapeKeyPart } from '../../base/key-part.ts';
import type { ReplayStore } from '../../revocation/replay-store.ts';
import { writeTime } from './columns.ts';
import type { Database } from './database.ts';

/** Expired claims that each claim sweeps away. More than one, so that the table shrinks under any load. */
const SWEEP = 4;

export function createReplayStore(database: Database): ReplayStore {
  const claim = database.prepare(`
    INSERT INTO replays (space, id, expires_at) VALUES (:space, :id, :expiresAt)
    ON CONFLICT (space, id) DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= :now`);
  const sweep = database.prepare(`
    DELETE FROM replays WHERE (space, id) IN (
      SELECT space, id FROM replays WHERE expires_at <= ? ORDER BY expires_at LIMIT ${SWEEP}
    )`);

  return {
    claim: (space, id, expiresAt, now) =>
      database.write(() => {
        if (writeTime(expiresAt) <= writeTime(now)) return false;
        sweep.run(now);
        // Escaped, since SQLite would store every half of a surrogate pair as the same replacement character.
        const { changes } = claim.run({ space: escapeKeyPart(space), id: escapeKeyPart(id), expiresAt, now });
        return changes === 1;
      }),
  };
}
