import type { Client, ClientId } from './client.ts';

/**
 * All clients, of configuration and store, in memory; one per configuration generation, following the change feed as the
 * tenant directory does. A configured client wins over a stored one of the same id (the semantics of the configuration
 * cannot know of the latter); that is logged.
 */
export interface ClientDirectory {
  find(id: ClientId): Client | undefined;
  /** Sorted by id. */
  list(): readonly Client[];
  /** Whether any client lists this Origin, exactly. For answers to preflights, which name no client. */
  isListedOrigin(origin: string): boolean;
  /** False while a change is being read: what it says may be what was before, and nothing made of it may be kept. */
  isCurrent(): boolean;
  close(): void;
}
