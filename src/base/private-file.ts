import { randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import path from 'node:path';

/**
 * The text of a file that holds a secret, or what `make` gives, written to it with mode 0600. Written whole and synced
 * under a name of its own, then linked: whoever finds the file finds all of it, and of two processes that start at once
 * the second takes the text of the first. A file that its group or others may get at is refused, not repaired, since
 * only the operator knows whether somebody did. Throws an Error with a sentence for the operator.
 */
export async function loadOrCreatePrivateFile(file: string, make: () => string): Promise<string> {
  return (await load(file)) ?? (await create(file, make()));
}

/** `undefined` = there is no such file. */
async function load(file: string): Promise<string | undefined> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(file, `cannot be read (${codeOf(error)})`, error);
  });
  if (handle === undefined) return undefined;
  try {
    const { mode } = await handle.stat();
    // Windows has no such mode bits.
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      const bits = (mode & 0o777).toString(8).padStart(4, '0');
      throw unusable(
        file,
        `has mode ${bits}, so others may have read it. If nobody did, chmod it to 0600; else its secret has to be replaced. Where the platform sets group access on volumes, configure the secret instead`,
      );
    }
    return (await handle.readFile('utf8')).trim();
  } finally {
    await handle.close();
  }
}

async function create(file: string, text: string): Promise<string> {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${text}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw unusable(file, `cannot be made (${codeOf(error)})`, error);
    const theirs = await load(file);
    if (theirs === undefined) throw unusable(file, 'was taken away while it was being made', error);
    return theirs;
  } finally {
    await unlink(draft).catch(() => undefined);
  }
  await syncFolder(path.dirname(file));
  return text;
}

/** The name of the file is durable only once its folder is. Windows cannot open folders. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unusable(file: string, what: string, cause?: unknown): Error {
  return new Error(`The file ${file} ${what}.`, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
