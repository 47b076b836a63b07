import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Settings } from '../config/schema/config.ts';
import type { TlsMaterial } from '../gateway/listener.ts';

/** Reads what the public listener needs for TLS, relative to the configuration file; `undefined` without TLS. */
export async function readTlsMaterial(
  configFile: string,
  listen: Settings['listen']['public'],
): Promise<TlsMaterial | undefined> {
  if (!('tls' in listen) || listen.tls === undefined) return undefined;
  const folder = path.dirname(configFile);
  const [cert, key] = await Promise.all([
    readFile(path.resolve(folder, listen.tls.cert), 'utf8'),
    readFile(path.resolve(folder, listen.tls.key), 'utf8'),
  ]);
  return { cert, key, http2: listen.http2 ?? true };
}
