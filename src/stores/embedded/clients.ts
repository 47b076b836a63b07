import type { Client, ClientId } from '../../clients/client.ts';
import type { ClientStore } from '../../clients/client-store.ts';
import { writeOptionalTime, writeTime } from './columns.ts';
import type { Database } from './database.ts';

interface ClientRow {
  /** The client as JSON. */
  readonly record: string;
}

export function createClientStore(database: Database): ClientStore {
  const selectOne = database.prepare('SELECT record FROM clients WHERE id = ?');
  const selectAll = database.prepare('SELECT record FROM clients ORDER BY id');
  const upsert = database.prepare('INSERT OR REPLACE INTO clients (id, record) VALUES (:id, :record)');
  const deleteOne = database.prepare('DELETE FROM clients WHERE id = ?');

  function find(id: ClientId): Client | undefined {
    const row = selectOne.get(id) as ClientRow | undefined;
    return row && readClient(row);
  }

  function save(client: Client): void {
    writeTime(client.createdAt);
    for (const { expiresAt } of client.secrets) writeOptionalTime(expiresAt);
    upsert.run({ id: client.id, record: JSON.stringify(client) });
  }

  return {
    create: (client) =>
      database.write((announce) => {
        if (find(client.id) !== undefined) return 'clash';
        save({ ...client, revision: 1 });
        announce({ kind: 'clientChanged', id: client.id });
        return 'created';
      }),

    find: (id) => database.read(() => find(id)),

    list: () => database.read(() => (selectAll.all() as unknown as readonly ClientRow[]).map(readClient)),

    replace: (client, expectedRevision) =>
      database.write((announce) => {
        const existing = find(client.id);
        if (existing === undefined) return 'absent';
        if (existing.revision !== expectedRevision) return 'stale';
        save({ ...client, revision: expectedRevision + 1 });
        announce({ kind: 'clientChanged', id: client.id });
        return 'replaced';
      }),

    remove: (id, revision) =>
      database.write((announce) => {
        if (revision !== undefined && find(id)?.revision !== revision) return false;
        if (deleteOne.run(id).changes === 0) return false;
        announce({ kind: 'clientChanged', id });
        return true;
      }),
  };
}

function readClient({ record }: ClientRow): Client {
  return JSON.parse(record) as Client;
}
