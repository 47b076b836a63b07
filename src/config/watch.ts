import { createHash } from 'node:crypto';
import { type FSWatcher, readFileSync, realpathSync, watch } from 'node:fs';
import path from 'node:path';

export interface FileWatch {
  /** Watches these files from now on, in place of the former ones. Files that do not exist yet are watched for. */
  follow(files: readonly string[]): void;
  /** After it, no call comes any more. */
  close(): void;
}

export interface FileWatchOptions {
  /** Quiet time after the last event; one change makes several. Default: 100. */
  readonly debounceMilliseconds?: number;
  /** Between two looks without an event, for file systems that send none. Default: 5000. */
  readonly pollMilliseconds?: number;
}

/**
 * Calls `changed` once for each change of content of any of the files. It watches their directories, since editors and
 * ConfigMaps replace files (a ConfigMap swaps the link `..data` beside them) and a watch on a file would stay with the
 * old one. Events only say when to look; the content decides.
 */
export function watchFiles(
  files: readonly string[],
  changed: () => void,
  options: FileWatchOptions = {},
): FileWatch {
  const { debounceMilliseconds = 100, pollMilliseconds = 5000 } = options;
  const watchers = new Map<string, FSWatcher>();
  let followed = files;
  let digests = digestsOf(files);
  let settling: NodeJS.Timeout | undefined;
  const poll = setInterval(look, pollMilliseconds).unref();
  watchDirectories();

  function look(): void {
    settling = undefined;
    watchDirectories();
    const current = digestsOf(followed);
    const isChanged = followed.some((file) => current.get(file) !== digests.get(file));
    digests = current;
    if (isChanged) changed();
  }

  function lookSoon(): void {
    clearTimeout(settling);
    settling = setTimeout(look, debounceMilliseconds).unref();
  }

  function watchDirectories(): void {
    const wanted = directoriesOf(followed);
    for (const [directory, watcher] of watchers)
      if (!wanted.has(directory)) {
        watcher.close();
        watchers.delete(directory);
      }
    for (const directory of wanted) if (!watchers.has(directory)) watchDirectory(directory);
  }

  function watchDirectory(directory: string): void {
    try {
      const watcher = watch(directory, { persistent: false }, lookSoon);
      watchers.set(directory, watcher);
      // The directory itself is gone, or the system has no watches left: the poll goes on.
      watcher.on('error', () => {
        watcher.close();
        watchers.delete(directory);
      });
    } catch {
      // Not there yet: the poll tries again.
    }
  }

  return {
    follow(next) {
      followed = next;
      // What was known stays known: a change since the last look is still to be told.
      digests = new Map(next.map((file) => [file, digests.get(file) ?? digestOf(file)]));
      watchDirectories();
      lookSoon();
    },
    close() {
      clearInterval(poll);
      clearTimeout(settling);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Where the files are, and where they really are behind symbolic links. */
function directoriesOf(files: readonly string[]): ReadonlySet<string> {
  const directories = new Set<string>();
  for (const file of files) {
    directories.add(path.dirname(path.resolve(file)));
    try {
      directories.add(path.dirname(realpathSync(file)));
    } catch {
      // Not there yet.
    }
  }
  return directories;
}

/** By file. One that cannot be read counts as absent. */
function digestsOf(files: readonly string[]): ReadonlyMap<string, string> {
  return new Map(files.map((file) => [file, digestOf(file)]));
}

function digestOf(file: string): string {
  try {
    return createHash('sha256').update(readFileSync(file)).digest('hex');
  } catch {
    return 'absent';
  }
}
