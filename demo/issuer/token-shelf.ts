/** Keeps issued tokens in memory until they expire. */
import type { Adapter } from 'oidc-provider/lib/provider.js';

interface KeptToken {
  readonly payload: object;
  readonly expiresAtMs: number;
}

/** One shelf per kind of token. */
export function createTokenShelf(): Adapter {
  const kept = new Map<string, KeptToken>();

  function dropExpired(nowMs: number): void {
    for (const [id, token] of kept) if (token.expiresAtMs <= nowMs) kept.delete(id);
  }

  return {
    upsert: async (id, payload, expiresInSeconds) => {
      const nowMs = Date.now();
      dropExpired(nowMs);
      kept.set(id, { payload, expiresAtMs: nowMs + expiresInSeconds * 1000 });
    },
    find: async (id) => {
      dropExpired(Date.now());
      return kept.get(id)?.payload;
    },
    destroy: async (id) => {
      kept.delete(id);
    },
  };
}
