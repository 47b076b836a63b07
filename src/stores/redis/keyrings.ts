import type { KeyringStore, StoredKeyring } from '../../keys/keyring-store.ts';
import { type Decision, type RedisDatabase, unchanged } from './database.ts';
import { checkTime } from './values.ts';

export function createKeyringStore(database: RedisDatabase): KeyringStore {
  const { keys } = database;
  return {
    async find(purpose) {
      const record = (await database.ask('HGET', keys.keyrings, purpose)) as string | null;
      return record === null ? undefined : readKeyring(record);
    },

    async list() {
      const records = (await database.ask('HVALS', keys.keyrings)) as string[];
      await database.confirmEpoch();
      return records.map(readKeyring).toSorted((one, other) => (one.purpose < other.purpose ? -1 : 1));
    },

    async save(keyring, expectedRevision) {
      checkTime(keyring.rotatedAt);
      return database.decide(
        [{ key: keys.keyrings, field: keyring.purpose }],
        ([record]): Decision<'saved' | 'stale'> => {
          const storedRevision = record === undefined ? 0 : readKeyring(record).revision;
          if (storedRevision !== expectedRevision) return unchanged('stale');
          const saved = JSON.stringify({ ...keyring, revision: expectedRevision + 1 });
          return {
            answer: 'saved',
            writes: [['HSET', keys.keyrings, keyring.purpose, saved]],
            changes: [{ kind: 'keyringChanged' }],
          };
        },
      );
    },
  };
}

function readKeyring(record: string): StoredKeyring {
  return JSON.parse(record) as StoredKeyring;
}
