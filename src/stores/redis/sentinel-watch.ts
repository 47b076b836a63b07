import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { RECONNECT_WITHIN_MILLISECONDS } from './reconnect.ts';

const ASK_EVERY_MILLISECONDS = 500;

export interface SentinelWatch {
  close(): void;
}

interface SentinelAccess {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: ConnectionOptions;
}

export interface SentinelWatchParts {
  readonly name: string;
  readonly sentinels: readonly SentinelAccess[];
  /** Milliseconds for an answer. */
  readonly answerWithin: number;
  /** Where the server is that is used now, as `host:port`; `undefined` while there is none. */
  readonly current: () => string | undefined;
  /** The sentinels name another server: connect anew. */
  readonly onMoved: () => void;
}

/**
 * Asks the sentinels again and again who the primary is. One that was replaced may go on taking writes for ten seconds,
 * all of which are lost, so that waiting for its refusal is not enough. The newest change that any of them tells counts:
 * the others learn it later.
 */
export function watchSentinels(parts: SentinelWatchParts): SentinelWatch {
  const { name, answerWithin, current, onMoved } = parts;
  const clients = parts.sentinels.map((sentinel) => {
    const client = new Redis({
      ...sentinel,
      protocol: 2,
      connectionName: 'gatehouse',
      connectTimeout: answerWithin,
      commandTimeout: answerWithin,
      socketTimeout: answerWithin + RECONNECT_WITHIN_MILLISECONDS,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => RECONNECT_WITHIN_MILLISECONDS,
    });
    // One that cannot be asked says nothing: that is what several are for.
    client.on('error', () => undefined);
    return client;
  });
  const told = new Map<Redis, string>();
  /** Only what changed counts: a sentinel that has been cut off from the others for long is asked too. */
  let newest: string | undefined;

  async function ask(client: Redis): Promise<void> {
    const answer = await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name);
    if (!Array.isArray(answer)) return;
    const [host = '', port = ''] = answer.map(String);
    const address = `${host}:${port}`;
    const before = told.get(client);
    const isChanged = before !== undefined && before !== address && newest !== address;
    told.set(client, address);
    if (isChanged) newest = address;
    const used = current();
    if (newest === undefined || used === undefined || used === newest) return;
    // A host name cannot be compared with the address that it led to.
    const isComparable = isIP(newest.slice(0, newest.lastIndexOf(':'))) !== 0;
    if (isComparable || isChanged) onMoved();
  }

  const timer = setInterval(() => {
    for (const client of clients) {
      if (client.status === 'ready') void ask(client).catch(() => undefined);
    }
  }, ASK_EVERY_MILLISECONDS);
  timer.unref();

  return {
    close() {
      clearInterval(timer);
      for (const client of clients) client.disconnect();
    },
  };
}
