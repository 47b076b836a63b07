import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openFailure } from './failures.ts';
import { migrate } from './schema.ts';

/** A predecessor that is just shutting down may still hold the file. Blocks the event loop, at start only. */
const LOCK_WAIT_MILLISECONDS = 1000;

/**
 * `EXCLUSIVE` takes the operating system's lock on the file with the first read and keeps it: the kernel drops it when
 * the process dies, also by SIGKILL, so there is no stale lock file to clear away. `FULL` syncs the log at every
 * commit, so that an acknowledged change outlives the power too.
 */
const SETTINGS = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA journal_size_limit = 67108864;
  PRAGMA cache_size = -32768;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
`;

/** `location`: a file, made (mode 0600) with its folder if it is not there, or `:memory:`. Throws `StoreUnavailable`. */
export function openConnection(location: string): DatabaseSync {
  const place = location === ':memory:' ? location : path.resolve(location);
  let connection: DatabaseSync | undefined;
  try {
    if (place !== ':memory:') prepareFile(place);
    connection = new DatabaseSync(place, {
      timeout: LOCK_WAIT_MILLISECONDS,
      enableForeignKeyConstraints: true,
      enableDoubleQuotedStringLiterals: false,
    });
    connection.exec(SETTINGS);
    migrate(connection, place);
    return connection;
  } catch (error) {
    connection?.close();
    throw openFailure(place, error);
  }
}

/**
 * SQLite gives its log the mode of the file, so the file comes first. A file that is there is never opened here: closing
 * any descriptor of it would drop the locks that this process holds on it (POSIX `fcntl`).
 */
function prepareFile(file: string): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    chmodSync(file, 0o600);
  }
}
