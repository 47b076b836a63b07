import { createHash } from 'node:crypto';

/** A Lua script: one atomic step of the server. It names every key that it touches among its `KEYS`. */
export interface Script {
  readonly lua: string;
  /** The name of the script in the server's cache (EVALSHA). */
  readonly sha: string;
}

export function defineScript(lua: string): Script {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
