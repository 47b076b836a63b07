import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Change } from '../change-feed.ts';
import { closedStore, storeFailure } from './failures.ts';

export type Announce = (change: Change) => void;

/** What the ports are built on. Queries and steps are synchronous, so nothing comes between two of their statements. */
export interface Database {
  /** For statements that are kept for the life of the store. */
  prepare(sql: string): StatementSync;
  /** Runs the query now; sees what was committed. */
  read<T>(query: () => T): Promise<T>;
  /**
   * Runs the step atomically: when it throws, nothing of it is stored or announced. What it announces is published
   * after the commit and before the promise resolves.
   */
  write<T>(step: (announce: Announce) => T): Promise<T>;
  /** Commits what was handed in, then closes the connection. Idempotent. */
  close(): Promise<void>;
}

interface PendingWrite {
  /** Runs the step; the function returned acknowledges it to the caller. */
  run(announce: Announce): () => void;
  reject(reason: unknown): void;
}

/**
 * Steps that arrive within one turn of the event loop are committed together: each is atomic by its own savepoint,
 * and the sync of the commit, which blocks, is paid once. Nothing is acknowledged before that commit.
 */
export function createDatabase(
  connection: DatabaseSync,
  publish: (changes: readonly Change[]) => void,
): Database {
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const commit = connection.prepare('COMMIT');
  const savepoint = connection.prepare('SAVEPOINT step');
  const release = connection.prepare('RELEASE step');
  const undo = connection.prepare('ROLLBACK TO step');
  let pending: PendingWrite[] = [];
  let isClosed = false;

  /** Undefined: the step failed alone, and the others of the transaction are unharmed. */
  function runStep(write: PendingWrite, changes: Change[]): (() => void) | undefined {
    const announced: Change[] = [];
    savepoint.run();
    let acknowledge: () => void;
    try {
      acknowledge = write.run((change) => announced.push(change));
    } catch (error) {
      // Out of space or an I/O error: SQLite has rolled the whole transaction back.
      if (!connection.isTransaction) throw error;
      undo.run();
      release.run();
      write.reject(storeFailure(error));
      return undefined;
    }
    release.run();
    for (const change of announced) changes.push(change);
    return acknowledge;
  }

  function flush(): void {
    const writes = pending;
    pending = [];
    const changes: Change[] = [];
    const acknowledgements: (() => void)[] = [];
    try {
      begin.run();
      for (const write of writes) {
        const acknowledge = runStep(write, changes);
        if (acknowledge !== undefined) acknowledgements.push(acknowledge);
      }
      commit.run();
    } catch (error) {
      abandon(writes, error);
      return;
    }
    publish(changes);
    for (const acknowledge of acknowledgements) acknowledge();
  }

  function abandon(writes: readonly PendingWrite[], error: unknown): void {
    try {
      if (connection.isTransaction) connection.exec('ROLLBACK');
    } catch {
      // Reads would see what was never committed. Without a connection they fail closed.
      isClosed = true;
      connection.close();
    }
    const failure = storeFailure(error);
    for (const write of writes) write.reject(failure);
  }

  return {
    prepare: (sql) => connection.prepare(sql),

    async read(query) {
      if (isClosed) throw closedStore();
      try {
        return query();
      } catch (error) {
        throw storeFailure(error);
      }
    },

    async write<T>(step: (announce: Announce) => T): Promise<T> {
      if (isClosed) throw closedStore();
      const { promise, resolve, reject } = Promise.withResolvers<T>();
      if (pending.length === 0) setImmediate(flush);
      pending.push({
        run(announce) {
          const value = step(announce);
          return () => resolve(value);
        },
        reject,
      });
      return promise;
    },

    async close() {
      if (isClosed) return;
      isClosed = true;
      // Runs after the flush that is due, since immediates run in the order in which they were set.
      if (pending.length > 0) await new Promise((resolve) => setImmediate(resolve));
      if (connection.isOpen) connection.close();
    },
  };
}
