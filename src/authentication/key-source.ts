import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IssuerSettings } from '../config/schema/config.ts';
import type { IssuerHttp } from './issuer-http.ts';
import { type JsonObject, parseStrictJson } from './strict-json.ts';

/** Where the key set of an issuer comes from. */
export interface KeySource {
  /** The key set as it is now. Throws when it cannot be had. */
  load(): Promise<unknown>;
  /** Calls `listener` when there may be a new one, if the source can tell. The function returned ends that. */
  watch(listener: () => void): () => void;
}

/** Stat, not inotify: it sees through the symlinks that a mounted ConfigMap swaps. */
const FILE_POLL_MILLISECONDS = 1_000;

export function createKeySource(
  settings: Pick<IssuerSettings, 'issuer'> & { readonly keys: NonNullable<IssuerSettings['keys']> },
  http: IssuerHttp,
): KeySource {
  const { keys, issuer } = settings;
  if (keys === 'discover') return remote(async () => http.getJson(await discoverKeySet(issuer, http)));
  if ('jwksUri' in keys) return remote(() => http.getJson(keys.jwksUri));
  return file(keys.jwksFile);
}

function remote(load: () => Promise<JsonObject>): KeySource {
  return { load, watch: () => () => undefined };
}

function file(path: string): KeySource {
  return {
    async load() {
      const document = parseStrictJson(await readFile(path));
      if (!document.ok) throw new Error(`${path} ${document.error}`);
      return document.value;
    },
    watch(listener) {
      watchFile(path, { interval: FILE_POLL_MILLISECONDS, persistent: false }, listener);
      return () => unwatchFile(path, listener);
    },
  };
}

/** OpenID Connect Discovery 1.0 §4 first, since more issuers have it, then RFC 8414 §3.1. Throws why neither will do. */
async function discoverKeySet(issuer: string, http: IssuerHttp): Promise<string> {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  const addresses = [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
  const faults: string[] = [];
  for (const address of addresses) {
    try {
      return keySetAddress(await http.getJson(address), issuer);
    } catch (error) {
      faults.push(error instanceof Error ? error.message : 'unknown fault');
    }
  }
  throw new Error(`no metadata of ${issuer}: ${faults.join('; ')}`);
}

function keySetAddress(metadata: JsonObject, issuer: string): string {
  // Metadata of another issuer would let that one sign in this one's name (RFC 8414 §3.3).
  if (metadata['issuer'] !== issuer) throw new Error('issuer in the metadata is a different one');
  const address = metadata['jwks_uri'];
  if (typeof address !== 'string' || !URL.canParse(address)) throw new Error('metadata has no jwks_uri');
  const { protocol } = new URL(address);
  const isAllowed = protocol === 'https:' || (protocol === 'http:' && issuer.startsWith('http:'));
  if (!isAllowed) throw new Error('jwks_uri of the metadata is not https');
  return address;
}
