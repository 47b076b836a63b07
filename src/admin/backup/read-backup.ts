import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { err, ok, type Result } from '../../base/result.ts';
import {
  type BackupKind,
  type BackupRecord,
  backupEnd,
  backupHeader,
  backupRecord,
} from '../schemas/backup.ts';

/** Longer than any record can be; what has no line ends is refused before it fills the memory. */
const LONGEST_LINE = 4 * 1024 * 1024;

/** What was wrong, as a sentence; it repeats nothing of the file. */
type BackupProblem = string;

/**
 * Reads a file to its end and checks it all: its version, every record, their count and the checksum. Only then may any of
 * it be used. Gives the number of records.
 */
export async function checkBackup(file: string): Promise<Result<number, BackupProblem>> {
  const digest = createHash('sha256');
  let number = 0;
  let isEnded = false;
  for await (const line of linesOf(file)) {
    number += 1;
    if (line === undefined) return err(`Line ${number} of the backup is not complete.`);
    if (isEnded) return err(`The backup goes on after its end, in line ${number}.`);
    const value = parse(line);
    if (number === 1) {
      if (!backupHeader.safeParse(value).success)
        return err('This is no backup of Gatehouse, or one of a later version.');
    } else {
      const end = backupEnd.safeParse(value);
      if (end.success) {
        if (end.data.records !== number - 2 || end.data.sha256 !== digest.digest('hex'))
          return err('The backup is damaged: its checksum does not fit.');
        isEnded = true;
        continue;
      }
      if (!backupRecord.safeParse(value).success) return err(`Line ${number} of the backup is no record.`);
    }
    digest.update(line).update('\n');
  }
  return isEnded ? ok(number - 2) : err('The backup is cut off: its end is missing.');
}

/** The records of one kind in a file that `checkBackup` found good. */
export async function* readBackup<K extends BackupKind>(
  file: string,
  kind: K,
): AsyncGenerator<Extract<BackupRecord, { kind: K }>> {
  for await (const line of linesOf(file)) {
    const value = line === undefined ? undefined : parse(line);
    if (!isOfKind(value, kind)) continue;
    const record = backupRecord.safeParse(value);
    if (record.success) yield record.data as Extract<BackupRecord, { kind: K }>;
  }
}

function isOfKind(value: unknown, kind: BackupKind): boolean {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind;
}

/** Lines as bytes, so that the checksum is of what is there; `undefined` for a last one without its end. */
async function* linesOf(file: string): AsyncGenerator<Buffer | undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file)) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    let from = 0;
    for (let to = rest.indexOf(10); to !== -1; to = rest.indexOf(10, from)) {
      yield rest.subarray(from, to);
      from = to + 1;
    }
    rest = rest.subarray(from);
    if (rest.length > LONGEST_LINE) break;
  }
  if (rest.length > 0) yield undefined;
}

function parse(line: Buffer): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch {
    return undefined;
  }
}
