import type { Logger } from 'pino';
import { StoreUnavailable } from '../../base/outage.ts';
import { createRedisClient, type RedisClient } from './client.ts';
import { closedStore, describeFailure, isScriptUnknown, redisFailure } from './failures.ts';
import type { Script } from './script.ts';
import { describeServer, type RedisSettings } from './settings.ts';

/** Long enough for a server that is loading a large data set to be worth waiting for, short enough for a start. */
const OPEN_WITHIN_MILLISECONDS = 10_000;

/** One connection, or one to each node of a cluster. Whatever fails is a `StoreUnavailable`, within a bounded time. */
export interface RedisConnection {
  /** The answer in the form of RESP2. */
  ask(command: string, ...args: (string | number)[]): Promise<unknown>;
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Asks each server that takes writes for itself. */
  askPrimaries(command: string, ...args: (string | number)[]): Promise<readonly unknown[]>;
  close(): void;
}

export interface ConnectionOptions {
  readonly settings: RedisSettings;
  /** Milliseconds until an answer, blocking of the server included. */
  readonly answerWithin: number;
  readonly log: Logger;
}

/** Connects, or throws `StoreUnavailable` with a sentence for the operator. Later losses are mended without end. */
export async function openConnection(options: ConnectionOptions): Promise<RedisConnection> {
  const { settings, answerWithin, log } = options;
  const place = describeServer(settings.server);
  const client = createRedisClient(settings, answerWithin);
  let isClosed = false;
  let wasOpen = false;
  let lostAt: number | undefined = performance.now();
  let lastError: unknown;
  let ready = Promise.withResolvers<void>();

  client.on('error', note);
  client.on('node error', note);
  client.on('ready', () => {
    if (wasOpen) log.info({ store: place }, 'the connection to the store is back');
    wasOpen = true;
    lostAt = undefined;
    lastError = undefined;
    ready.resolve();
  });
  client.on('close', () => {
    if (lostAt !== undefined || isClosed) return;
    lostAt = performance.now();
    ready = Promise.withResolvers<void>();
    log.warn({ store: place }, 'the connection to the store is lost');
  });

  function note(error: unknown): void {
    lastError = error;
  }

  /** A loss that is mended within the time of a command is not an outage; a longer one is, at once. */
  async function becomeReady(): Promise<void> {
    if (isClosed) throw closedStore();
    if (client.status === 'ready') return;
    const patience = lostAt === undefined ? answerWithin : answerWithin - (performance.now() - lostAt);
    if (patience > 0) await within(patience, ready.promise).catch(() => undefined);
    if (client.status !== 'ready') {
      const reason = lastError === undefined ? 'there is no connection' : describeFailure(lastError);
      throw new StoreUnavailable(`The Redis store failed: ${reason}.`);
    }
  }

  async function ask(command: string, ...args: (string | number)[]): Promise<unknown> {
    await becomeReady();
    try {
      return await within(answerWithin, client.call(command, ...args));
    } catch (error) {
      if (isScriptUnknown(error)) throw error;
      throw redisFailure(error);
    }
  }

  await connect(client, () => lastError, place);

  return {
    ask,
    async run(script, keys, args) {
      try {
        return await ask('EVALSHA', script.sha, keys.length, ...keys, ...args);
      } catch (error) {
        if (!isScriptUnknown(error)) throw error;
        // Not executed, so sending it again is safe.
        return ask('EVAL', script.lua, keys.length, ...keys, ...args);
      }
    },
    async askPrimaries(command, ...args) {
      await becomeReady();
      const answers = client.primaries().map((primary) => primary.call(command, ...args));
      return within(answerWithin, Promise.all(answers));
    },
    close() {
      isClosed = true;
      ready.resolve();
      client.disconnect();
    },
  };
}

async function connect(client: RedisClient, lastError: () => unknown, place: string): Promise<void> {
  try {
    await within(OPEN_WITHIN_MILLISECONDS, client.connect());
  } catch (error) {
    client.disconnect();
    throw new StoreUnavailable(
      `The store, ${place}, cannot be used: ${describeFailure(lastError() ?? error)}.`,
    );
  }
}

/** The promise, or an error when it takes longer than it may; what it says later is dropped. */
function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error('timed out')), milliseconds);
  return Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}
