import { StoreUnavailable } from '../../base/outage.ts';

/** Primary result codes of SQLite (https://sqlite.org/rescode.html); the higher bits only refine them. */
const BUSY = 5;
const CORRUPT = 11;
const FULL = 13;
const NOT_A_DATABASE = 26;

interface SqliteError extends Error {
  readonly code: 'ERR_SQLITE_ERROR';
  readonly errcode: number;
  /** SQLite's fixed text for the code; names no data. */
  readonly errstr: string;
}

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'code' in error && error.code === 'ERR_SQLITE_ERROR';
}

function primaryCode(error: SqliteError): number {
  return error.errcode & 0xff;
}

export function closedStore(): StoreUnavailable {
  return new StoreUnavailable('The embedded store is closed.');
}

/**
 * What a failed read or write rejects with. Whatever SQLite reports, and a record that cannot be read back, is an
 * outage; anything else (an argument out of range, say) is a defect of the caller and stays as it is.
 */
export function storeFailure(error: unknown): unknown {
  if (isSqliteError(error))
    return new StoreUnavailable(`The embedded store failed: ${describe(error)}.`, { cause: error });
  if (error instanceof SyntaxError)
    return new StoreUnavailable('The embedded store holds a record that cannot be read.');
  return error;
}

function describe(error: SqliteError): string {
  if (primaryCode(error) === FULL) return 'its disk or its allowed size is full';
  return `${error.errstr} (SQLite ${error.errcode})`;
}

/** Why a store could not be opened, in a sentence for the operator. `cause` is what the system reported. */
export function openFailure(place: string, error: unknown): StoreUnavailable {
  if (error instanceof StoreUnavailable) return error;
  return new StoreUnavailable(`The store ${place} ${describeOpening(error)}`, { cause: error });
}

function describeOpening(error: unknown): string {
  if (!isSqliteError(error)) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return `cannot be opened (${code}): its folder and file must be writable for this user.`;
  }
  switch (primaryCode(error)) {
    case BUSY:
      return 'is in use by another process: an embedded store serves one process at a time.';
    case CORRUPT:
    case NOT_A_DATABASE:
      return `is damaged or not an SQLite database (${describe(error)}): restore it from a backup.`;
    default:
      return `cannot be opened: ${describe(error)}.`;
  }
}
