import type { Change, ChangeFeed } from '../change-feed.ts';
import { createChangeListeners } from '../listeners.ts';

export interface LocalChangeFeed extends ChangeFeed {
  /** Tells every listener every change, in order. Never throws. */
  publish(changes: readonly Change[]): void;
}

/** The feed within one process: the embedded store has no other. */
export function createChangeFeed(onListenerError: (error: unknown) => void): LocalChangeFeed {
  return { ...createChangeListeners(onListenerError), lag: () => 0 };
}
