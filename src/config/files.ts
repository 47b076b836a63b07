import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { err, ok, type Result } from '../base/result.ts';

/** Reads the files of one configuration and remembers which, so that they can be watched and are part of the revision. */
export interface ConfigFiles {
  /** Relative paths are relative to the configuration file. The error says why, for people: `no such file`. */
  read(file: string, maximumBytes: number): Result<Buffer, string>;
  resolve(file: string): string;
  /** Absolute paths of all that were asked for, in order; those that could not be read too. */
  list(): readonly string[];
  /** What else the configuration depends on, such as an environment variable. */
  note(name: string, value: string): void;
  /** Twelve hex digits of a SHA-256 of everything that was read or noted. */
  revision(): string;
  /** Of the files as they were read; see `fingerprintOf`. */
  fingerprint(): string;
}

export function createConfigFiles(configFile: string): ConfigFiles {
  const folder = path.dirname(path.resolve(configFile));
  const results = new Map<string, Result<Buffer, string>>();
  const notes = new Map<string, string>();
  const resolve = (file: string) => path.resolve(folder, file);
  return {
    resolve,
    read(file, maximumBytes) {
      const absolute = resolve(file);
      const known = results.get(absolute);
      if (known !== undefined) return known;
      const result = readRegularFile(absolute, maximumBytes);
      results.set(absolute, result);
      return result;
    },
    list: () => [...results.keys()],
    note: (name, value) => void notes.set(name, value),
    revision() {
      const hash = createHash('sha256');
      const add = (kind: string, name: string, bytes: Buffer) => {
        hash.update(`${kind} ${JSON.stringify(name)} ${bytes.length}\n`).update(bytes);
      };
      for (const [file, result] of results)
        if (result.ok) add('file', path.relative(folder, file), result.value);
      for (const [name, value] of notes) add('note', name, Buffer.from(value, 'utf8'));
      return hash.digest('hex').slice(0, 12);
    },
    fingerprint: () => fingerprint([...results]),
  };
}

/** Of the content of files as it is now: the same as that of a load, if none of them has changed since. */
export function fingerprintOf(files: readonly string[]): string {
  return fingerprint(files.map((file) => [file, readRegularFile(file, LARGEST_COMPARED)]));
}

function fingerprint(results: readonly (readonly [file: string, content: Result<Buffer, string>])[]): string {
  const hash = createHash('sha256');
  for (const [file, content] of results) {
    const kind = content.ok ? 'content' : 'absent';
    const bytes = content.ok ? content.value : Buffer.from(content.error);
    hash.update(`${kind} ${JSON.stringify(file)} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest('hex');
}

/** Larger than what any of them may be. */
const LARGEST_COMPARED = 16 * 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ELOOP: 'a loop of symbolic links',
  ENAMETOOLONG: 'the name is too long',
};

function readRegularFile(file: string, maximumBytes: number): Result<Buffer, string> {
  try {
    const stats = statSync(file);
    // A pipe or device could block for ever.
    if (!stats.isFile()) return err('not a regular file');
    if (stats.size > maximumBytes) return err(`larger than ${maximumBytes} bytes`);
    return ok(readFileSync(file));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return err(REASONS[code] ?? (code === '' ? 'cannot be read' : code));
  }
}
