import { randomBytes } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import path from 'node:path';
import { type EncryptionKey, encryptionKeyOf } from './encryption-key.ts';

const KEY_BYTES = 32;
const PREFIX = 'local';

/**
 * The encryption key of an embedded store whose operator configured none. `storePath` is the path of the store: its key
 * is kept beside it in `<storePath>.key` (64 hex digits, mode 0600), made on the first run. `:memory:` gets a random key
 * that dies with it. Throws an Error with a sentence for the operator if the file cannot be made or trusted.
 *
 * A file that its group or others may read or write is refused rather than repaired: who could read it may have opened
 * every secret of the store, and only the operator knows whether somebody did. Windows has no such mode bits.
 */
export async function loadOrCreateLocalEncryptionKey(storePath: string): Promise<EncryptionKey> {
  if (storePath === ':memory:') return encryptionKeyOf('memory', randomBytes(KEY_BYTES));
  const file = `${path.resolve(storePath)}.key`;
  return (await load(file)) ?? (await create(file));
}

/** `undefined` = there is no such file. */
async function load(file: string): Promise<EncryptionKey | undefined> {
  const handle = await open(file, 'r').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(file, `cannot be read (${codeOf(error)})`, error);
  });
  if (handle === undefined) return undefined;
  try {
    const status = await handle.stat();
    const openBits = status.mode & 0o077;
    if (openBits !== 0 && process.platform !== 'win32')
      throw unusable(
        file,
        `has mode ${(status.mode & 0o777).toString(8).padStart(4, '0')}: its group or others may get at it, and with it at every secret in the store. If nobody did, chmod it to 0600; else make new keys. Where the platform sets group access on volumes, configure encryptionKeys instead`,
      );
    const text = (await handle.readFile('utf8')).trim();
    if (!/^[0-9a-f]{64}$/.test(text))
      throw unusable(file, 'does not hold 64 hex digits: restore it from a backup');
    return encryptionKeyOf(PREFIX, Buffer.from(text, 'hex'));
  } finally {
    await handle.close();
  }
}

/**
 * Written whole and synced under a name of its own, then linked: whoever finds the file finds all of it, after a crash
 * too, and of two processes that start at once the second takes the key of the first.
 */
async function create(file: string): Promise<EncryptionKey> {
  const folder = path.dirname(file);
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const bytes = randomBytes(KEY_BYTES);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${bytes.toString('hex')}\n`);
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
  await syncFolder(folder);
  return encryptionKeyOf(PREFIX, bytes);
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
  return new Error(`The encryption key file ${file} ${what}.`, { cause });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
