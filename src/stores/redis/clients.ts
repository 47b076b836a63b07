import type { Client, ClientId } from '../../clients/client.ts';
import type { ClientStore } from '../../clients/client-store.ts';
import { type Decision, type Field, type RedisDatabase, unchanged, type Write } from './database.ts';
import { checkTime } from './values.ts';

export function createClientStore(database: RedisDatabase): ClientStore {
  const { keys } = database;

  function recordOf(id: ClientId): Field {
    return { key: keys.clients, field: id };
  }

  function write(client: Client): Write {
    checkTime(client.createdAt);
    for (const { expiresAt } of client.secrets) if (expiresAt !== undefined) checkTime(expiresAt);
    return ['HSET', keys.clients, client.id, JSON.stringify(client)];
  }

  return {
    async create(client) {
      const created = write({ ...client, revision: 1 });
      return database.decide(
        [recordOf(client.id)],
        ([record]): Decision<'created' | 'clash'> =>
          record !== undefined
            ? unchanged('clash')
            : {
                answer: 'created',
                writes: [created],
                changes: [{ kind: 'clientChanged', id: client.id }],
              },
        'assumeAbsent',
      );
    },

    async find(id) {
      const record = (await database.ask('HGET', keys.clients, id)) as string | null;
      if (record !== null) return readClient(record);
      // A client that is lost is not an unknown one.
      await database.confirmEpoch();
      return undefined;
    },

    async list() {
      const records = (await database.ask('HVALS', keys.clients)) as string[];
      await database.confirmEpoch();
      return records.map(readClient).toSorted((one, other) => (one.id < other.id ? -1 : 1));
    },

    async replace(client, expectedRevision) {
      const replaced = write({ ...client, revision: expectedRevision + 1 });
      const outcome = await database.decide(
        [recordOf(client.id)],
        ([record]): Decision<'replaced' | 'stale' | 'absent'> => {
          if (record === undefined) return unchanged('absent');
          if (readClient(record).revision !== expectedRevision) return unchanged('stale');
          return {
            answer: 'replaced',
            writes: [replaced],
            changes: [{ kind: 'clientChanged', id: client.id }],
          };
        },
      );
      if (outcome === 'absent') await database.confirmEpoch();
      return outcome;
    },

    async remove(id, revision) {
      const isRemoved = await database.decide([recordOf(id)], ([record]): Decision<boolean> => {
        if (record === undefined) return unchanged(false);
        if (revision !== undefined && readClient(record).revision !== revision) return unchanged(false);
        return {
          answer: true,
          writes: [['HDEL', keys.clients, id]],
          changes: [{ kind: 'clientChanged', id }],
        };
      });
      if (!isRemoved) await database.confirmEpoch();
      return isRemoved;
    },
  };
}

function readClient(record: string): Client {
  return JSON.parse(record) as Client;
}
