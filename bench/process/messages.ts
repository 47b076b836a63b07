import { once } from 'node:events';
import type { ManagedProcess } from './supervisor.ts';

/** The next message of a process that has a channel. Throws when the process ends instead. */
export async function nextMessage(managed: ManagedProcess): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const ended = once(managed.child, 'close', { signal }).then(() => {
    throw new Error(managed.ending() ?? 'ended');
  });
  // Rejects when it is no longer waited for.
  ended.catch(() => {});
  try {
    const [message] = await Promise.race([once(managed.child, 'message', { signal }), ended]);
    return message;
  } finally {
    waiting.abort();
  }
}
