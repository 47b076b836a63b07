import { escapeKeyPart } from '../../base/key-part.ts';
import type { SealedJar } from '../../sessions/jar.ts';
import { endOfSession, type Session, type SessionId } from '../../sessions/session.ts';
import type { SessionStore } from '../../sessions/session-store.ts';
import {
  checkFirstJar,
  checkNextJar,
  checkSameOwner,
  checkSession,
  takenSuccessor,
} from '../session-checks.ts';
import { writeCount, writeTime } from './columns.ts';
import type { Database } from './database.ts';

/** Sessions forgotten in one transaction, so that no request waits long. */
const PRUNED_AT_ONCE = 1000;

interface SessionRow {
  /** JSON of the session. */
  readonly record: string;
  readonly jar: string | null;
  readonly jar_revision: number | null;
}

export function createSessionStore(database: Database): SessionStore {
  const selectOne = database.prepare('SELECT record, jar, jar_revision FROM sessions WHERE id = ?');
  const insert = database.prepare(`
    INSERT INTO sessions (id, subject, client, tenant, ends_at, record, jar, jar_revision)
    VALUES (:id, :subject, :client, :tenant, :endsAt, :record, :jar, :jarRevision)
    ON CONFLICT DO NOTHING`);
  const update = database.prepare('UPDATE sessions SET ends_at = ?, record = ? WHERE id = ?');
  const updateJar = database.prepare('UPDATE sessions SET jar = ?, jar_revision = ? WHERE id = ?');
  const deleteOne = database.prepare('DELETE FROM sessions WHERE id = ?');
  const deleteEnded = database.prepare(`
    DELETE FROM sessions WHERE id IN (
      SELECT id FROM sessions WHERE ends_at <= ? ORDER BY ends_at LIMIT ${PRUNED_AT_ONCE}
    )`);
  const pages = {
    subject: preparePage('INDEXED BY sessions_by_subject', 'subject = :subject'),
    tenant: preparePage('INDEXED BY sessions_by_tenant', 'tenant = :tenant'),
    client: preparePage('INDEXED BY sessions_by_client', 'client = :client'),
    all: preparePage('', 'TRUE'),
  };

  /** An index leads to what `condition` says; of that, the rest of the filter is compared. */
  function preparePage(index: string, condition: string) {
    return database.prepare(`
      SELECT record FROM sessions ${index}
      WHERE ${condition} AND id > :after
        AND (:subject IS NULL OR subject = :subject)
        AND (:tenant IS NULL OR tenant = :tenant)
        AND (:client IS NULL OR client = :client)
      ORDER BY id LIMIT :limit`);
  }

  function find(id: SessionId): SessionRow | undefined {
    return selectOne.get(id) as SessionRow | undefined;
  }

  function create(session: Session, jar: SealedJar | undefined): 'created' | 'clash' {
    const { changes } = insert.run({
      id: session.id,
      subject: escapeKeyPart(session.subject),
      client: escapeOptional(session.client),
      tenant: session.tenant,
      endsAt: endOfSession(session),
      record: JSON.stringify(session),
      jar: jar?.sealed ?? null,
      jarRevision: jar?.revision ?? null,
    });
    return changes === 0 ? 'clash' : 'created';
  }

  return {
    create: (session, jar) => database.write(() => create(checkSession(session, 0), checkFirstJar(jar))),

    find: (id) =>
      database.read(() => {
        const row = find(id);
        return row && { session: readSession(row), jar: readJar(row) };
      }),

    replace: (session, expectedRevision) =>
      database.write((announce) => {
        checkSession(session, expectedRevision);
        const row = find(session.id);
        if (row === undefined) return 'absent';
        const stored = readSession(row);
        if (stored.revision !== expectedRevision) return 'stale';
        checkSameOwner(stored, session);
        update.run(endOfSession(session), JSON.stringify(session), session.id);
        announce({ kind: 'sessionChanged', id: session.id });
        return 'replaced';
      }),

    supersede: (id, expectedRevision, successor, jar) =>
      database.write((announce) => {
        checkSession(successor, 0);
        checkFirstJar(jar);
        const row = find(id);
        if (row === undefined) return 'absent';
        if (readSession(row).revision !== expectedRevision) return 'stale';
        deleteOne.run(id);
        if (create(successor, jar) === 'clash') throw takenSuccessor();
        announce({ kind: 'sessionChanged', id });
        return 'superseded';
      }),

    saveJar: (id, jar, expectedRevision) =>
      database.write((announce) => {
        checkNextJar(jar, expectedRevision);
        const row = find(id);
        if (row === undefined) return 'absent';
        if ((row.jar_revision ?? 0) !== expectedRevision) return 'stale';
        updateJar.run(jar.sealed, jar.revision, id);
        announce({ kind: 'sessionChanged', id });
        return 'saved';
      }),

    end: (id) =>
      database.write((announce) => {
        if (deleteOne.run(id).changes === 0) return false;
        announce({ kind: 'sessionChanged', id });
        return true;
      }),

    list: ({ subject, tenant, client, after = '', limit }) =>
      database.read(() => {
        const page =
          subject !== undefined
            ? pages.subject
            : tenant !== undefined
              ? pages.tenant
              : client !== undefined
                ? pages.client
                : pages.all;
        const rows = page.all({
          subject: escapeOptional(subject),
          tenant: tenant ?? null,
          client: escapeOptional(client),
          after,
          limit: writeCount(limit),
        });
        return (rows as unknown as readonly Pick<SessionRow, 'record'>[]).map(readSession);
      }),

    async prune(now) {
      const until = writeTime(now);
      let pruned = 0;
      let batch: number;
      do {
        batch = await database.write(() => Number(deleteEnded.run(until).changes));
        pruned += batch;
      } while (batch === PRUNED_AT_ONCE);
      return pruned;
    },
  };
}

/** SQLite would store every half of a surrogate pair as the same replacement character. */
function escapeOptional(text: string | undefined): string | null {
  return text === undefined ? null : escapeKeyPart(text);
}

function readSession({ record }: Pick<SessionRow, 'record'>): Session {
  return JSON.parse(record) as Session;
}

function readJar({ jar, jar_revision: revision }: SessionRow): SealedJar | undefined {
  return jar === null || revision === null ? undefined : { sealed: jar, revision };
}
