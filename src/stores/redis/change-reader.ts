import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Clock, EpochMilliseconds } from '../../base/clock.ts';
import type { Change } from '../change-feed.ts';
import type { ChangeListeners } from '../listeners.ts';
import { type ChangeEntry, readEntries, readEntriesOf } from './change-entries.ts';
import type { RedisConnection } from './connection.ts';
import { DATA_LOST } from './failures.ts';
import type { RedisKeys } from './keys.ts';
import type { NewestEntries, RecentSteps } from './recent-steps.ts';
import { defineScript } from './script.ts';

/** Milliseconds that the server holds a read open when there is nothing to tell. */
export const BLOCK_MILLISECONDS = 250;
const BEAT_EVERY_MILLISECONDS = 500;
const RETRY_AFTER_MILLISECONDS = 100;
const READ_AT_ONCE = 1000;

/** Draws the epoch of a store that is empty; ARGV: the epoch. */
const BEGIN = defineScript(`return redis.call('HSETNX', KEYS[1], 'epoch', ARGV[1])`);

/**
 * Where the stream is now. It writes, since only a server that takes writes is surely the primary: a replica or a
 * primary without its replicas may be answering from the past. Out of memory or disk, nothing can change anywhere.
 * ARGV: the time, and id and number of the entry that was read last. The past holds if that entry is still there, or if
 * the oldest that was kept is a later one.
 */
const BEAT = defineScript(`
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return redis.error_reply('${DATA_LOST} there is no epoch') end
local told = redis.pcall('HSET', KEYS[1], 'beat', ARGV[1])
if type(told) == 'table' and told.err and not (told.err:find('OOM', 1, true) or told.err:find('MISCONF', 1, true)) then
  return told
end
local function number(entry)
  return entry and tonumber(entry[2][2])
end
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local holds = ARGV[2] == '0-0'
if not holds then
  local known = number(redis.call('XRANGE', KEYS[2], ARGV[2], ARGV[2])[1])
  local oldest = number(redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', 1)[1])
  local last = tonumber(ARGV[3])
  holds = known == last or (not known and oldest ~= nil and oldest > last)
end
return { epoch, redis.call('HGET', KEYS[1], 'made') or '0', newest and newest[1] or '0-0', holds and 1 or 0 }
`);

interface Position {
  /** Drawn at random when the store is empty: another one means another past. */
  readonly epoch: string;
  /** Changes ever made in this epoch. */
  readonly made: number;
  /** Id of the newest entry in the stream. */
  readonly id: string;
}

interface FoundPosition extends Position {
  /** Whether the entry that was read last is among its past, as far as it remembers. */
  readonly isPastKept: boolean;
}

const BEGINNING = { id: '0-0', made: 0 } as const;

export interface ChangeReader {
  /** Of the store as it is followed; another one in the store means that this is not known to be it. */
  readonly epoch: string;
  /** Resolves when all listeners of this process were told the change of this number, or after `patience` milliseconds. */
  reached(number: number, patience: number): Promise<void>;
  lag(now: EpochMilliseconds): number;
  /** Tells what the store tells, and what it has lost. */
  follow(recent: RecentSteps): void;
  close(): Promise<void>;
}

export interface ChangeReaderParts {
  /** Of its own, since a read blocks whatever is asked after it. */
  readonly connection: RedisConnection;
  readonly keys: RedisKeys;
  readonly listeners: ChangeListeners;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Waiter {
  readonly number: number;
  readonly resolve: () => void;
}

/** Follows the stream from now on. Throws `StoreUnavailable` if it cannot be found at first. */
export async function openChangeReader(parts: ChangeReaderParts): Promise<ChangeReader> {
  const { connection, keys, listeners, clock, log } = parts;
  const waiters = new Set<Waiter>();
  /** The greatest number that was heard of by making a change. */
  let heard = 0;
  let recent: RecentSteps | undefined;
  let isClosed = false;
  let isLost = false;
  let isRewound = false;
  let isTroubled = false;
  let hasBeat = true;
  let heardAt = stamp();
  await connection.run(BEGIN, [keys.feed], [randomUUID()]);
  let position: Position = await locate();
  let beatAt = heardAt.elapsed;
  /** What was known to be in the stream, and when: all is told when the number was read. */
  let expected: { readonly made: number; readonly at: Stamp } | undefined;

  async function locate(known: Pick<Position, 'id' | 'made'> = BEGINNING): Promise<FoundPosition> {
    const answer = await connection.run(BEAT, [keys.feed, keys.changes], [clock(), known.id, known.made]);
    const [epoch, made, id, holds] = answer as [string, string, string, number];
    return { epoch, made: Number(made), id, isPastKept: holds === 1 };
  }

  function stamp(): Stamp {
    return { time: clock(), elapsed: performance.now() };
  }

  async function beat(): Promise<void> {
    const at = stamp();
    beatAt = at.elapsed;
    const atLeast = Math.max(heard, position.made);
    const found = await locate(position);
    const isSameEpoch = found.epoch === position.epoch;
    if (!found.isPastKept || !isSameEpoch || found.made < atLeast) isRewound = true;
    if (isRewound && isSameEpoch) recent?.rewound(await readNewest());
    if (isLost || isRewound) resynchronise(found);
    if (position.made === found.made) heardAt = at;
    else expected ??= { made: found.made, at };
  }

  async function readNewest(): Promise<NewestEntries> {
    const answer = await connection.ask('XREVRANGE', keys.changes, '+', '-', 'COUNT', READ_AT_ONCE);
    return new Map(readEntriesOf(answer).map(({ number, id }) => [number, id]));
  }

  /** From the end of the stream as it is now: what listeners read of the store after this is at least as new. */
  function resynchronise(found: Position): void {
    log.warn(
      { reached: position.made, found: found.made, sameEpoch: found.epoch === position.epoch, isRewound },
      'changes of the store may have been missed; everything is read anew',
    );
    const change: Change = isRewound ? { kind: 'resynchronise', isRewound } : { kind: 'resynchronise' };
    isLost = false;
    isRewound = false;
    heard = 0;
    expected = undefined;
    position = found;
    listeners.publish([change]);
    release(Number.POSITIVE_INFINITY);
  }

  async function read(): Promise<void> {
    const from = position.id;
    const block = ['BLOCK', BLOCK_MILLISECONDS, 'STREAMS', keys.changes, from] as const;
    for (const entry of readEntries(await connection.ask('XREAD', 'COUNT', READ_AT_ONCE, ...block))) {
      if (entry.number !== position.made + 1) {
        isLost = true;
        if (entry.number <= position.made) isRewound = true;
        return;
      }
      tell(entry);
    }
    if (expected !== undefined && position.made >= expected.made) {
      heardAt = expected.at;
      expected = undefined;
    }
  }

  function tell({ id, number, change }: ChangeEntry): void {
    position = { ...position, made: number, id };
    listeners.publish([change]);
    recent?.told({ number, id });
    release(number);
  }

  function release(number: number): void {
    for (const waiter of waiters) if (waiter.number <= number) waiter.resolve();
  }

  async function followStream(): Promise<void> {
    for (;;) {
      if (isClosed) return;
      try {
        if (isLost || performance.now() - beatAt >= BEAT_EVERY_MILLISECONDS) {
          hasBeat = false;
          await beat();
          hasBeat = true;
        }
        await read();
        if (hasBeat) isTroubled = false;
      } catch (error) {
        // Once per trouble, and not at all for the end of a connection that is being closed.
        if (!isTroubled && !isClosed) log.warn({ err: error }, 'the changes of the store cannot be read');
        isTroubled = true;
        await delay(RETRY_AFTER_MILLISECONDS);
      }
    }
  }

  const following = followStream();

  return {
    get epoch() {
      return position.epoch;
    },
    async reached(number, patience) {
      heard = Math.max(heard, number);
      if (position.made >= number) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiter = { number, resolve };
      waiters.add(waiter);
      const timer = setTimeout(resolve, patience);
      await promise;
      clearTimeout(timer);
      waiters.delete(waiter);
    },
    follow(steps) {
      recent = steps;
    },
    lag(now) {
      // The greater of two clocks: the system's may be set back, which must not hide a silence.
      return Math.max(0, now - heardAt.time, performance.now() - heardAt.elapsed);
    },
    async close() {
      isClosed = true;
      connection.close();
      recent?.close();
      release(Number.POSITIVE_INFINITY);
      await following;
    },
  };
}

interface Stamp {
  readonly time: EpochMilliseconds;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsed: number;
}
