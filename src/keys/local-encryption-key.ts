import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { loadOrCreatePrivateFile } from '../base/private-file.ts';
import { type EncryptionKey, encryptionKeyOf } from './encryption-key.ts';

const KEY_BYTES = 32;
const PREFIX = 'local';

/**
 * The encryption key of an embedded store whose operator configured none. `storePath` is the path of the store: its key
 * is kept beside it in `<storePath>.key` (64 hex digits, mode 0600), made on the first run. `:memory:` gets a random key
 * that dies with it. Throws an Error with a sentence for the operator if the file cannot be made or trusted.
 */
export async function loadOrCreateLocalEncryptionKey(storePath: string): Promise<EncryptionKey> {
  if (storePath === ':memory:') return encryptionKeyOf('memory', randomBytes(KEY_BYTES));
  const file = `${path.resolve(storePath)}.key`;
  const text = await loadOrCreatePrivateFile(file, () => randomBytes(KEY_BYTES).toString('hex'));
  if (!/^[0-9a-f]{64}$/.test(text)) {
    throw new Error(`The encryption key file ${file} does not hold 64 hex digits: restore it from a backup.`);
  }
  return encryptionKeyOf(PREFIX, Buffer.from(text, 'hex'));
}
